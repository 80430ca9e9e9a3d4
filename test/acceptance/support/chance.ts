import { randomBytes, randomInt } from 'node:crypto';

/** A client address that no other test uses: a unique local one (RFC 4193), with a /64 of its own. */
export function randomAddress(): string {
  const hex = randomBytes(7).toString('hex');
  return `fd${hex.slice(0, 2)}:${hex.slice(2, 6)}:${hex.slice(6, 10)}:${hex.slice(10)}::1`;
}

/** An IPv4 address of the range for measurements (RFC 2544), which no real client has. */
export function randomIpv4(): string {
  return `198.${randomInt(18, 20)}.${randomInt(256)}.${randomInt(1, 255)}`;
}

/** An address that is this machine's and not 127.0.0.1. */
export function randomLoopback(): string {
  return `127.${randomInt(1, 255)}.${randomInt(256)}.${randomInt(1, 255)}`;
}

export function randomWord(): string {
  return randomBytes(8).toString('hex');
}

export function randomEmail(): string {
  return `t-${randomWord()}@example.test`;
}

/** Long, on no list, and without the name part of a {@link randomEmail}. */
export function randomPassword(): string {
  return `Quiet-Otter-${randomBytes(6).toString('base64url')}`;
}

/** `count` numbers from 0. */
export function times(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
