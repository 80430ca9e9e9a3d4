import { hash, randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';

const START = 'nx_';
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const BASE = DIGITS.length;
/** By which a list shows the key; says nothing about the rest. */
const NAME_LENGTH = 8;
/** log2(62) · 43 = 256.03 bits. */
const SECRET_LENGTH = 43;
/** 62⁶ > 2³². */
const CHECK_LENGTH = 6;
const BODY_LENGTH = START.length + NAME_LENGTH + SECRET_LENGTH;
const FORM = new RegExp(`^${START}[0-9A-Za-z]{${NAME_LENGTH + SECRET_LENGTH + CHECK_LENGTH}}$`);

function randomDigits(length: number): string {
  let text = '';
  for (let i = 0; i < length; i++) text += DIGITS[randomInt(BASE)];
  return text;
}

function checksum(body: string): string {
  let rest = crc32(body);
  let text = '';
  for (let i = 0; i < CHECK_LENGTH; i++) {
    text = (DIGITS[rest % BASE] as string) + text;
    rest = Math.floor(rest / BASE);
  }
  return text;
}

/**
 * A new API key: `nx_`, eight characters by which it is recognised, 256 random bits, and a CRC-32 of all that in base 62,
 * so that a mistyped key is told from one that nobody has without asking anybody. A secret.
 */
export function newApiKey(): string {
  const body = START + randomDigits(NAME_LENGTH + SECRET_LENGTH);
  return body + checksum(body);
}

/** Whether a text has the form of an API key, its checksum included; not whether anybody has it. */
export function isApiKey(text: string): boolean {
  return FORM.test(text) && text.endsWith(checksum(text.slice(0, BODY_LENGTH)));
}

/** The part of a key that may be shown and kept: its start and the eight characters after it. */
export function apiKeyPrefix(key: string): string {
  return key.slice(0, START.length + NAME_LENGTH);
}

/**
 * What is kept in place of a key: its SHA-256 in base64url. A key has 256 random bits, so that no slow hash is needed:
 * there is nothing to guess.
 */
export function apiKeyDigest(key: string): string {
  return hash('sha256', key, 'base64url');
}
