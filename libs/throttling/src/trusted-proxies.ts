import type { IncomingHttpHeaders } from 'node:http';
import { BlockList, isIP } from 'node:net';
import { canonicalAddress } from './address.js';

/** Which header a trusted proxy writes. Only this one is read: a proxy passes the other on as the client sent it. */
export type ProxyHeader = 'x-forwarded-for' | 'forwarded';

interface Subnet {
  readonly address: string;
  readonly prefix: number;
  readonly family: 'ipv4' | 'ipv6';
}

/** Nothing beyond is looked at; a client can put what it likes in front of what the proxies append. */
const MAX_HOPS = 32;
const MAX_HOP_LENGTH = 256;
const MAX_REMEMBERED_PEERS = 1024;

function parseSubnet(entry: string): Subnet | undefined {
  const slash = entry.indexOf('/');
  const text = slash === -1 ? entry : entry.slice(0, slash);
  const version = isIP(text);
  const address = canonicalAddress(text);
  if (address === undefined || text.includes('%')) return undefined;
  const bits = version === 4 ? 32 : 128;
  const digits = slash === -1 ? String(bits) : entry.slice(slash + 1);
  if (!/^\d{1,3}$/.test(digits)) return undefined;
  let prefix = Number(digits);
  if (prefix > bits) return undefined;
  if (isIP(address) === 4) {
    // IPv4-mapped: what is left of the prefix counts in the IPv4 address.
    if (version === 6) prefix -= 96;
    return prefix < 0 ? undefined : { address, prefix, family: 'ipv4' };
  }
  return { address, prefix, family: 'ipv6' };
}

/** One sentence for each entry that is neither an address nor a CIDR block. */
export function trustedProxyFaults(entries: readonly string[]): string[] {
  return entries
    .filter((entry) => parseSubnet(entry) === undefined)
    .map((entry) => `"${entry.slice(0, 64)}" is neither an IP address nor a CIDR block`);
}

/**
 * Finds the client behind trusted proxies. A forwarding header counts only when the peer itself is trusted, and is then
 * read from the right, hop by hop, as long as each hop is trusted: what stands left of the first untrusted hop was
 * written by the client.
 */
export class TrustedProxies {
  readonly #list = new BlockList();
  readonly #empty: boolean;
  readonly #header: ProxyHeader;
  /** A handful of load balancers send all requests: asking the list each time would cost more than the rest. */
  readonly #peers = new Map<string, { readonly address: string | undefined; readonly trusted: boolean }>();

  /**
   * @param entries addresses and CIDR blocks
   * @throws Error naming the entries that are neither
   */
  constructor(entries: readonly string[], header: ProxyHeader = 'x-forwarded-for') {
    const faults = trustedProxyFaults(entries);
    if (faults.length > 0) throw new Error(`Trusted proxies: ${faults.join(', ')}`);
    for (const entry of entries) {
      const subnet = parseSubnet(entry) as Subnet;
      this.#list.addSubnet(subnet.address, subnet.prefix, subnet.family);
    }
    this.#empty = entries.length === 0;
    this.#header = header;
  }

  /** Whether an address, in canonical form, belongs to a trusted proxy. */
  trusts(address: string): boolean {
    return !this.#empty && this.#list.check(address, address.includes(':') ? 'ipv6' : 'ipv4');
  }

  /**
   * The client's address in canonical form; `unknown` when the peer has none (a Unix socket).
   * A malformed hop ends the walk at the last good one. Never throws.
   */
  clientAddress(remoteAddress: string | undefined, headers: IncomingHttpHeaders): string {
    const peer = this.#peer(remoteAddress);
    if (peer.address === undefined) return 'unknown';
    return peer.trusted ? this.#walk(peer.address, headers).address : peer.address;
  }

  /**
   * The scheme the client used, as the trusted proxies say; `undefined` when they say nothing or the peer is not one.
   */
  forwardedProto(remoteAddress: string | undefined, headers: IncomingHttpHeaders): 'http' | 'https' | undefined {
    const peer = this.#peer(remoteAddress);
    if (peer.address === undefined || !peer.trusted) return undefined;
    if (this.#header === 'forwarded') return protoOf(parameter(this.#walk(peer.address, headers).element, 'proto'));
    const text = joined(headers['x-forwarded-proto']);
    // The rightmost one is the peer's own.
    return protoOf(text?.slice(text.lastIndexOf(',') + 1));
  }

  #peer(remoteAddress: string | undefined): { readonly address: string | undefined; readonly trusted: boolean } {
    if (remoteAddress === undefined) return { address: undefined, trusted: false };
    if (this.#empty) return { address: canonicalAddress(remoteAddress), trusted: false };
    let peer = this.#peers.get(remoteAddress);
    if (peer === undefined) {
      const address = canonicalAddress(remoteAddress);
      peer = { address, trusted: address !== undefined && this.trusts(address) };
      if (this.#peers.size >= MAX_REMEMBERED_PEERS) this.#peers.clear();
      this.#peers.set(remoteAddress, peer);
    }
    return peer;
  }

  /** @returns the first untrusted hop from the right, or the leftmost one, and the element that named it */
  #walk(peer: string, headers: IncomingHttpHeaders): { address: string; element: string } {
    const text = joined(headers[this.#header]) ?? '';
    let found = { address: peer, element: '' };
    let end = text.length;
    for (let hop = 0; hop < MAX_HOPS && end > 0; hop++) {
      // No value that proxies write holds a comma, not even quoted: a quote the client left open must not matter.
      const comma = text.lastIndexOf(',', end - 1);
      if (end - comma > MAX_HOP_LENGTH) break;
      const element = text.slice(comma + 1, end).trim();
      const node = this.#header === 'forwarded' ? parameter(element, 'for') : element;
      const address = canonicalAddress(node) ?? canonicalAddress(withoutPort(node ?? ''));
      if (address === undefined) break;
      found = { address, element };
      if (!this.trusts(address)) break;
      end = comma;
    }
    return found;
  }
}

function joined(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(',') : value;
}

function protoOf(text: string | undefined): 'http' | 'https' | undefined {
  const proto = text?.trim().toLowerCase();
  return proto === 'http' || proto === 'https' ? proto : undefined;
}

/** One parameter of a `Forwarded` element (RFC 7239 §4), unquoted. */
function parameter(element: string, name: string): string | undefined {
  for (const pair of element.split(';')) {
    const equals = pair.indexOf('=');
    if (equals === -1 || pair.slice(0, equals).trim().toLowerCase() !== name) continue;
    const value = pair.slice(equals + 1).trim();
    return value.startsWith('"') && value.endsWith('"') && value.length > 1 ? value.slice(1, -1) : value;
  }
  return undefined;
}

/** `192.0.2.1:8080`, `[2001:db8::1]:8080` and `[2001:db8::1]` without port and brackets; anything else as it is. */
function withoutPort(node: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(node);
  if (bracketed) return bracketed[1] as string;
  const colon = node.indexOf(':');
  return colon !== -1 && colon === node.lastIndexOf(':') && /^\d{1,5}$/.test(node.slice(colon + 1))
    ? node.slice(0, colon)
    : node;
}
