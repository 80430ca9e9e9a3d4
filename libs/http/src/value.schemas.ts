import { z } from 'zod';

/** Control characters, line separators and the marks that reorder text on the screen. */
const NOT_ON_A_LINE = /^[^\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]*$/u;
/** As above, but lines and tabs are fine. */
const NOT_IN_TEXT = /^(?:[^\p{Cc}\u202a-\u202e\u2066-\u2069]|[\t\n\r])*$/u;

/**
 * A name or title: one line, trimmed, without control characters.
 * @param max longest, in UTF-16 units
 */
export function lineOfText(max: number, min = 1) {
  return z.string().trim().min(min).max(max).regex(NOT_ON_A_LINE, 'must not contain control characters');
}

/**
 * Free text of several lines, trimmed, without control characters.
 * @param max longest, in UTF-16 units
 */
export function freeText(max: number) {
  return z.string().trim().max(max).regex(NOT_IN_TEXT, 'must not contain control characters');
}

function hasOnlyFiniteNumbers(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (value === null || typeof value !== 'object') return true;
  return Object.values(value).every(hasOnlyFiniteNumbers);
}

/**
 * An object whose inside is the client's own business: any keys, kept as they are, in their order.
 * @param maxBytes largest as JSON in UTF-8
 */
export function opaqueObject(maxBytes: number) {
  return z
    .record(z.string(), z.unknown())
    .refine((value) => Buffer.byteLength(JSON.stringify(value)) <= maxBytes, {
      error: `must not be larger than ${maxBytes} bytes as JSON`,
    })
    .refine(hasOnlyFiniteNumbers, { error: 'must not contain numbers beyond the range of a double' });
}
