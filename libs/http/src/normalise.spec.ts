import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { z } from 'zod';
import { formToBody, isCanonical, keyShape, normaliseKeys } from './index.js';

const schema = z.strictObject({
  display_name: z.string(),
  page_count: z.int().optional(),
  is_open: z.boolean().nullable().optional(),
  tags: z.array(z.string()).optional(),
  members: z.array(z.strictObject({ user_id: z.string() })).optional(),
  metadata: z.record(z.string(), z.unknown()).optional(),
});
const shape = keyShape(schema);

describe('normalisation', () => {
  test('gives declared keys their canonical form, at every declared depth', () => {
    expect(normaliseKeys({ displayName: 'a', members: [{ userId: 'u' }] }, shape)).toEqual({
      display_name: 'a',
      members: [{ user_id: 'u' }],
    });
  });

  test('is known to be needed exactly where it changes something', () => {
    const key = fc.constantFrom('displayName', 'display_name', 'members', 'metadata', 'pageCount', 'other', 'fooBar');
    const inner = fc.dictionary(fc.constantFrom('userId', 'user_id', 'camelCase'), fc.string());
    const value = fc.dictionary(key, fc.oneof(fc.string(), fc.array(inner), inner));
    fc.assert(
      fc.property(value, (given) => {
        const before = JSON.stringify(given);
        expect(isCanonical(given, shape)).toBe(JSON.stringify(normaliseKeys(JSON.parse(before), shape)) === before);
      }),
      { numRuns: 500 },
    );
  });

  test('never looks into free-form data', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (metadata) => {
        const copy = structuredClone(metadata);
        expect(normaliseKeys({ displayName: 'a', metadata }, shape)).toEqual({ display_name: 'a', metadata: copy });
      }),
    );
  });

  test('leaves unknown keys and doubles for validation to name', () => {
    expect(normaliseKeys({ displayName: 'a', display_name: 'b', someThing: 1 }, shape)).toEqual({
      displayName: 'a',
      display_name: 'b',
      someThing: 1,
    });
  });

  test('takes any JSON without a crash', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => void normaliseKeys(structuredClone(value), shape)));
  });

  test('gives a form the types that are declared', () => {
    expect(formToBody({ displayName: '7', pageCount: '7', isOpen: 'true', tags: 'one' }, shape)).toEqual({
      display_name: '7',
      page_count: 7,
      is_open: true,
      tags: ['one'],
    });
    expect(formToBody({ page_count: 'many', tags: ['a', 'b'] }, shape)).toEqual({
      page_count: 'many',
      tags: ['a', 'b'],
    });
  });
});
