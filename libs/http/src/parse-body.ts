import { isUtf8 } from 'node:buffer';
import { parse as parseQuery } from 'node:querystring';
import type { KeyShape } from '@nexus/contracts';
import { errors } from '@nexus/kernel';
import secureJson from 'secure-json-parse';
import { formToBody } from './normalise.js';

const MAX_DEPTH = 64;
const MAX_FORM_KEYS = 1000;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Deeper nesting would overflow the stack of whoever walks it later. Brackets inside strings do not count. */
function tooDeep(json: Buffer): boolean {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < json.length; i++) {
    const byte = json[i];
    if (inString) {
      if (byte === BACKSLASH) i++;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) inString = true;
    else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > MAX_DEPTH) return true;
    } else if (byte === 0x7d || byte === 0x5d) depth--;
  }
  return false;
}

/** NUL and lone surrogates are valid JSON but no text: PostgreSQL stores neither. */
function holdsNoText(value: unknown): boolean {
  if (typeof value === 'string') return value.includes('\0') || !value.isWellFormed();
  if (value === null || typeof value !== 'object') return false;
  return Object.entries(value).some(([key, item]) => holdsNoText(key) || holdsNoText(item));
}

/**
 * Reads a JSON body.
 * @throws AppError `invalid_encoding`, `malformed_json` (also for keys that would reach a prototype)
 */
export function parseJson(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  if (!isUtf8(body)) throw errors.invalid_encoding();
  if (tooDeep(body)) throw errors.malformed_json({ message: `The body is nested deeper than ${MAX_DEPTH} levels.` });
  let value: unknown;
  try {
    value = secureJson.parse(body, { protoAction: 'error', constructorAction: 'error' });
  } catch {
    throw errors.malformed_json();
  }
  // Only an escape can bring such text in: raw bytes were checked above.
  if (body.includes('\\u0000') || body.includes('\\ud') || body.includes('\\uD')) {
    if (holdsNoText(value)) throw errors.invalid_encoding();
  }
  return value;
}

/** `querystring` reads broken escapes as they are; here they are a fault, as they are in an address. */
function assertEscapes(text: string): void {
  if (!/^[\x20-\x7e]*$/.test(text)) throw errors.invalid_encoding();
  try {
    decodeURIComponent(text);
  } catch {
    throw errors.invalid_encoding();
  }
}

/**
 * Reads an `application/x-www-form-urlencoded` body into the JSON body it stands for.
 * @throws AppError `invalid_encoding`; `bad_request` for keys that would reach a prototype
 */
export function parseForm(body: Buffer, shape: KeyShape | undefined): Record<string, unknown> {
  const text = body.toString('latin1');
  assertEscapes(text);
  const form = parseQuery(text, '&', '=', { maxKeys: MAX_FORM_KEYS }) as Record<string, string | string[]>;
  for (const key of Object.keys(form)) {
    if (key === '__proto__' || key === 'constructor' || key === 'prototype') throw errors.bad_request();
  }
  if (holdsNoText(form)) throw errors.invalid_encoding();
  return formToBody(form, shape);
}
