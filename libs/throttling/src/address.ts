import { isIPv4 } from 'node:net';

declare const addressKeyBrand: unique symbol;

/** A client address as limits count it; only {@link addressKey} makes one. */
export type AddressKey = string & { readonly [addressKeyBrand]: true };

/** Longest text form of an IPv6 address with an embedded IPv4 one (45) and a zone of up to 18 characters. */
const MAX_TEXT = 64;

const MAPPED_PREFIX = '::ffff:';
const ZONE = /^[0-9a-zA-Z.:-]+$/;

/** One to four hex digits, or -1. */
function hexGroup(text: string): number {
  if (text.length > 4) return -1;
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const lower = code | 32;
    if (code >= 48 && code <= 57) value = value * 16 + code - 48;
    else if (lower >= 97 && lower <= 102) value = value * 16 + lower - 87;
    else return -1;
  }
  return value;
}

/**
 * The parts between colons, with one empty part for `::` wherever it stands; `undefined` for a single colon at an end.
 */
function partsOf(text: string): string[] | undefined {
  const parts = text.split(':');
  if (parts.length < 3) return undefined;
  if (parts[0] === '') {
    if (parts[1] !== '') return undefined;
    parts.shift();
  }
  if (parts.at(-1) === '') {
    if (parts.at(-2) !== '') return undefined;
    parts.pop();
  }
  return parts;
}

/**
 * The eight groups of an IPv6 address (RFC 4291 §2.2), or `undefined`. `isIPv6` and splitting afterwards would cost
 * twice as much.
 */
function parseIPv6(text: string): number[] | undefined {
  const parts = partsOf(text);
  if (parts === undefined || parts.length > 8) return undefined;
  const groups: number[] = [];
  let gap = -1;
  for (const [i, part] of parts.entries()) {
    if (part === '') {
      if (gap !== -1) return undefined;
      gap = groups.length;
    } else if (part.includes('.')) {
      if (i !== parts.length - 1 || !isIPv4(part)) return undefined;
      const [a, b, c, d] = part.split('.').map(Number) as [number, number, number, number];
      groups.push(a * 256 + b, c * 256 + d);
    } else {
      const group = hexGroup(part);
      if (group < 0) return undefined;
      groups.push(group);
    }
  }
  if (gap === -1) return groups.length === 8 ? groups : undefined;
  if (groups.length > 7) return undefined;
  return [...groups.slice(0, gap), ...new Array<number>(8 - groups.length).fill(0), ...groups.slice(gap)];
}

/** The IPv4 address inside `::ffff:0:0/96` (RFC 4291 §2.5.5.2). */
function mappedIPv4(groups: readonly number[]): string | undefined {
  for (let i = 0; i < 5; i++) if (groups[i] !== 0) return undefined;
  if (groups[5] !== 0xffff) return undefined;
  const [high, low] = [groups[6] as number, groups[7] as number];
  return `${high >> 8}.${high & 0xff}.${low >> 8}.${low & 0xff}`;
}

/** RFC 5952: lower case, no leading zeros, the longest (first of equals) run of two or more zero groups as `::`. */
function format(groups: readonly number[]): string {
  let start = -1;
  let length = 1;
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && groups[end] === 0) end += 1;
    if (end - i > length) {
      start = i;
      length = end - i;
    }
    i = Math.max(i, end - 1);
  }
  let out = '';
  for (let i = 0; i < 8; i++) {
    if (i === start) {
      out += '::';
      i += length - 1;
    } else {
      out += (out === '' || out.endsWith(':') ? '' : ':') + (groups[i] as number).toString(16);
    }
  }
  return out;
}

/** @returns the IPv4 text form, the groups of an IPv6 address, or `undefined` for anything else */
function parse(text: string | undefined): string | number[] | undefined {
  if (text === undefined || text.length > MAX_TEXT) return undefined;
  if (!text.includes(':')) return isIPv4(text) ? text : undefined;
  // The form in which a dual-stack socket shows IPv4 peers.
  if (text.startsWith(MAPPED_PREFIX)) {
    const embedded = text.slice(MAPPED_PREFIX.length);
    if (isIPv4(embedded)) return embedded;
  }
  const zone = text.indexOf('%');
  if (zone !== -1 && !ZONE.test(text.slice(zone + 1))) return undefined;
  const groups = parseIPv6(zone === -1 ? text : text.slice(0, zone));
  return groups === undefined ? undefined : (mappedIPv4(groups) ?? groups);
}

/**
 * The one text form of an IP address: IPv4 dotted, IPv4-mapped IPv6 as IPv4, IPv6 per RFC 5952 without a zone.
 * @returns `undefined` for what is not an address
 */
export function canonicalAddress(text: string | undefined): string | undefined {
  if (text === undefined || text.length > MAX_TEXT) return undefined;
  let known = canonical.get(text);
  if (known === undefined) {
    const parsed = parse(text);
    known = typeof parsed === 'object' ? format(parsed) : (parsed ?? '');
    remember(canonical, text, known);
  }
  return known === '' ? undefined : known;
}

/** A few clients send most requests, each over and over again from the same address. */
const MAX_REMEMBERED = 2_048;
/** By the text as it was given; '' for what is not an address. */
const canonical = new Map<string, string>();
const keys = new Map<string, AddressKey>();

function remember<V>(map: Map<string, V>, text: string, value: V): void {
  if (map.size >= MAX_REMEMBERED) map.clear();
  map.set(text, value);
}

/**
 * The key under which an address is limited: IPv4 as it is (mapped or not), IPv6 by its /64, which is what one
 * subscriber holds. Whatever is not an address shares the key `unknown`.
 */
export function addressKey(text: string | undefined): AddressKey {
  if (text === undefined || text.length > MAX_TEXT) return 'unknown' as AddressKey;
  let known = keys.get(text);
  if (known === undefined) {
    known = keyOf(parse(text));
    remember(keys, text, known);
  }
  return known;
}

function keyOf(parsed: string | number[] | undefined): AddressKey {
  if (typeof parsed !== 'object') return (parsed ?? 'unknown') as AddressKey;
  const [a, b, c, d] = parsed as [number, number, number, number];
  return `${a.toString(16)}:${b.toString(16)}:${c.toString(16)}:${d.toString(16)}::/64` as AddressKey;
}
