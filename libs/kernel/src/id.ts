import { randomBytes, randomFillSync } from 'node:crypto';

const HEX: string[] = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));
const pool = Buffer.allocUnsafe(16 * 256);
let used = pool.length;
let lastMs = 0;
let counter = 0;

function random(): number {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const start = used;
  used += 16;
  return start;
}

function format(b: Uint8Array, o: number): string {
  const h = (i: number) => HEX[b[o + i] as number];
  return (
    `${h(0)}${h(1)}${h(2)}${h(3)}-${h(4)}${h(5)}-${h(6)}${h(7)}-` +
    `${h(8)}${h(9)}-${h(10)}${h(11)}${h(12)}${h(13)}${h(14)}${h(15)}`
  );
}

/**
 * A UUID version 7 (RFC 9562 §5.7), monotonic within the process: ids of one millisecond are ordered by a
 * 12-bit counter in `rand_a` (RFC 9562 §6.2, method 1); when it overflows the time field runs ahead.
 *
 * @param now milliseconds since the epoch
 */
export function uuidv7(now: number = Date.now()): string {
  if (now > lastMs) {
    lastMs = now;
    counter = 0;
  } else if (++counter > 0xfff) {
    lastMs += 1;
    counter = 0;
  }
  const o = random();
  const high = Math.floor(lastMs / 0x1_0000_0000);
  pool.writeUInt16BE(high, o);
  pool.writeUInt32BE(lastMs >>> 0, o + 2);
  pool[o + 6] = 0x70 | (counter >>> 8);
  pool[o + 7] = counter & 0xff;
  pool[o + 8] = 0x80 | ((pool[o + 8] as number) & 0x3f);
  return format(pool, o);
}

/** Random hexadecimal digits that nobody had yet: written once for many ids, of which each takes slices. */
let digits = '';
let taken = 0;
/** Bytes of randomness that are turned into digits at a time. */
const BATCH_BYTES = 2048;
/** First digit of the variant field (RFC 9562 §4.1): two bits are given, two are random. */
const VARIANT = '89ab89ab89ab89ab';

/** So many random lower-case hexadecimal digits, at most 4096, from pooled randomness. */
export function randomHex(length: number): string {
  if (taken + length > digits.length) {
    digits = randomBytes(BATCH_BYTES).toString('hex');
    taken = 0;
  }
  const at = taken;
  taken += length;
  return digits.slice(at, taken);
}

/** A UUID version 4 (RFC 9562 §5.4) from pooled randomness; used for request ids. */
export function uuidv4(): string {
  const hex = randomHex(32);
  const variant = VARIANT[Number.parseInt(hex[16] as string, 16)];
  return (
    `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-` + `${variant}${hex.slice(17, 20)}-${hex.slice(20)}`
  );
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** True for a lower-case UUID of any version. */
export function isUuid(value: string): boolean {
  return UUID.test(value);
}

/** True for a lower-case UUID version 4. */
export function isUuidV4(value: string): boolean {
  return UUID_V4.test(value);
}

/** A URL-safe random token of `bytes` random bytes. */
export function randomToken(bytes = 32): string {
  return randomBytes(bytes).toString('base64url');
}
