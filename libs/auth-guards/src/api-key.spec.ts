import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { apiKeyDigest, apiKeyPrefix, isApiKey, newApiKey } from './index.js';

describe('API keys', () => {
  test('are of one form, each another', () => {
    const keys = Array.from({ length: 2_000 }, newApiKey);
    for (const key of keys) expect(key).toMatch(/^nx_[0-9A-Za-z]{57}$/);
    expect(keys.every(isApiKey)).toBe(true);
    expect(new Set(keys).size).toBe(keys.length);
    // Each place takes each of the 62 digits: 2,000 draws miss one of them with a probability of 1e-12.
    for (let at = 3; at < 54; at++) expect(new Set(keys.map((key) => key[at])).size).toBe(62);
  });

  test('a typing mistake shows at once', () => {
    const place = fc.integer({ min: 3, max: 59 });
    const digit = fc.constantFrom(...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz');
    fc.assert(
      fc.property(place, digit, (at, other) => {
        const key = newApiKey();
        const mistyped = key.slice(0, at) + other + key.slice(at + 1);
        expect(isApiKey(mistyped)).toBe(mistyped === key);
      }),
    );
    const key = newApiKey();
    const swapped = key.slice(0, 20) + key[21] + key[20] + key.slice(22);
    expect(isApiKey(swapped)).toBe(swapped === key);
  });

  test('nothing else is one', () => {
    const key = newApiKey();
    const others = ['', 'nx_', 'nx_nobody_has_this', ` ${key}`, `${key} `, `${key}\n`, key.slice(0, -1), `${key}0`];
    others.push(key.toUpperCase(), key.replace('nx_', 'nx-'), `${key}, ${key}`, '\u0000'.repeat(60), 'é'.repeat(60));
    others.push(`nx_${'０'.repeat(57)}`, 'nx_'.padEnd(1024 * 1024, 'a'));
    for (const other of others) expect(isApiKey(other)).toBe(false);
  });

  test('show eleven characters, and are kept as their SHA-256', () => {
    const key = newApiKey();
    expect(apiKeyPrefix(key)).toBe(key.slice(0, 11));
    expect(apiKeyDigest('abc')).toBe(
      Buffer.from('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad', 'hex').toString('base64url'),
    );
  });
});
