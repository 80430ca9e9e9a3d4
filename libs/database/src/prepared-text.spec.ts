import { describe, expect, test } from '@jest/globals';
import { preparedText } from './prepared-text.js';

describe('a prepared text', () => {
  test.each([
    ['SELECT * FROM a WHERE updated_at > $1', true],
    ['\n  (WITH x AS (SELECT 1) SELECT deleted FROM x)', true],
    ['VALUES (1)', true],
    ['UPDATE a SET b = 1', false],
    ['WITH x AS (DELETE FROM a RETURNING *) SELECT * FROM x', false],
    ['SELECT * FROM a FOR NO KEY UPDATE', false],
    ['SELECT * FROM a FOR SHARE SKIP LOCKED', false],
    ['SELECT pg_try_advisory_xact_lock(1)', false],
    ["SELECT nextval('s')", false],
    ['SELECT pg_sleep(1)', false],
    ['SELECT * INTO b FROM a', false],
    ['LISTEN x', false],
    ['TRUNCATE a', false],
    ['', false],
  ])('tells what only reads: %s', (text, reads) => {
    expect(preparedText(text).reads).toBe(reads);
  });

  test('has one name for ever, which the server does not cut', () => {
    const { name } = preparedText('SELECT 1');
    expect(name).toBe('nx_4ATr1bVTKkuFmEpi-K1IqBqj');
    expect(preparedText('SELECT 1')).toBe(preparedText('SELECT 1'));
    expect(preparedText('SELECT 2').name).not.toBe(name);
    expect(name.length).toBeLessThanOrEqual(63);
  });
});
