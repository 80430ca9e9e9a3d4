import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { type TourResult, takeTour, tourBlocks } from './tour.js';

const baseUrl = process.env.NEXUS_BASE_URL;
const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

describe('the tour of the README', () => {
  let blocks: string[];
  let result: TourResult;

  beforeAll(async () => {
    if (!baseUrl) throw new Error('NEXUS_BASE_URL is not set: test/acceptance/README.md says what is needed.');
    blocks = tourBlocks(readme);
    result = await takeTour(blocks, baseUrl.replace(/\/+$/, ''));
  }, 70_000);

  test('works when pasted', () => {
    expect({ code: result.code, errors: result.errors }).toEqual({ code: 0, errors: '' });
    expect(result.outputs).toHaveLength(blocks.length);
  });

  test('shows what it says', () => {
    const text = result.outputs.join('\n');
    expect(text).toContain('"success":true');
    expect(text).toMatch(/^cache-status: nexus; hit/im);
    expect(text).toMatch(/^ratelimit-remaining: \d+/im);
    expect(text).toContain('"error_code":412');
    expect(text).toContain('small step');
    expect(text).toContain('"category":"project"');
    expect(result.outputs.at(-1)).toContain('"error_code":401');
  });

  test('runs into nothing else', () => {
    const statuses = [...result.outputs.join('\n').matchAll(/"error_code":(\d+)/g)].map((match) => match[1]);
    expect(new Set(statuses)).toEqual(new Set(['412', '401']));
  });
});

describe('finding the blocks', () => {
  test('takes those between the markers, and only shell', () => {
    const text = [
      '```sh',
      'before',
      '```',
      '<!-- tour -->',
      '```sh',
      'one',
      '```',
      '```',
      'no',
      '```',
      '```sh',
      'two',
      '```',
      '<!-- /tour -->',
      '```sh',
      'after',
      '```',
      '',
    ].join('\n');
    expect(tourBlocks(text)).toEqual(['one\n', 'two\n']);
  });

  test('fails when there is nothing to find', () => {
    expect(() => tourBlocks('# Nexus')).toThrow('no <!-- tour -->');
    expect(() => tourBlocks('<!-- tour -->\ntext\n<!-- /tour -->')).toThrow('no ```sh block');
  });

  test('a failing command ends the tour', async () => {
    const { code, outputs, errors } = await takeTour(['echo one\n', 'false\n', 'echo three\n'], 'http://127.0.0.1:1');
    expect(code).toBe(1);
    expect(outputs.join()).toContain('one');
    expect(outputs.join()).not.toContain('three');
    expect(errors).toBe('');
  });
});
