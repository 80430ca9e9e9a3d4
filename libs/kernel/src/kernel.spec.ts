import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  AppError,
  decodeCursor,
  defineErrors,
  encodeCursor,
  errorCatalogue,
  errors,
  isUuid,
  isUuidV4,
  uuidv4,
  uuidv7,
} from './index.js';

describe('ids', () => {
  test('version 7 is ordered, unique and carries the time', () => {
    const now = Date.now();
    const ids = Array.from({ length: 20_000 }, () => uuidv7());
    expect(new Set(ids).size).toBe(ids.length);
    expect([...ids].sort()).toEqual(ids);
    expect(ids.every((id) => /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id))).toBe(
      true,
    );
    const first = Number.parseInt((ids[0] as string).replaceAll('-', '').slice(0, 12), 16);
    expect(Math.abs(first - now)).toBeLessThan(1000);
  });

  test('a clock that is set back does not break the order', () => {
    const later = uuidv7(Date.now() + 10_000);
    expect(uuidv7(Date.now()) > later).toBe(true);
  });

  test('version 4 has its version and variant', () => {
    for (let i = 0; i < 1000; i++) expect(isUuidV4(uuidv4())).toBe(true);
    expect(isUuidV4(uuidv7())).toBe(false);
    expect(isUuid(uuidv7().toUpperCase())).toBe(false);
  });
});

describe('cursors', () => {
  test('come back as they went', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), (sort, key, id) => {
        const cursor = encodeCursor(sort, { key, id });
        fc.pre(cursor.length <= 1024);
        expect(decodeCursor(sort, cursor)).toEqual({ key, id });
      }),
    );
  });

  test('anything else is an invalid cursor, never a crash', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(() => decodeCursor('name', text)).toThrow(AppError);
      }),
    );
    const foreign = encodeCursor('created_at', { key: '1', id: '2' });
    expect(() => decodeCursor('name', foreign)).toThrow(
      expect.objectContaining({ code: 'invalid_cursor', status: 400 }),
    );
  });
});

describe('errors', () => {
  test('carry their code and detail', () => {
    const error = errors.stale_version({ field: 'version' });
    expect(error).toMatchObject({
      status: 412,
      code: 'stale_version',
      details: [{ code: 'stale_version', field: 'version' }],
    });
  });

  test('one code has one owner', () => {
    defineErrors('one', { kernel_spec_code: { status: 400, message: 'x' } });
    expect(() => defineErrors('two', { kernel_spec_code: { status: 400, message: 'x' } })).toThrow(/one and two/);
    expect(errorCatalogue().filter((entry) => entry.code === 'kernel_spec_code')).toHaveLength(1);
  });
});
