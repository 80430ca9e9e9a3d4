import { isIP } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { TrustedProxies, trustedProxyFaults } from './trusted-proxies.js';

const proxies = new TrustedProxies(['10.0.0.0/8', '192.0.2.10', 'fd00::/8', '2001:db8::5']);
const via = (peer: string | undefined, forwardedFor?: string) =>
  proxies.clientAddress(peer, forwardedFor === undefined ? {} : { 'x-forwarded-for': forwardedFor });

describe('the client behind X-Forwarded-For', () => {
  it.each([
    ['no header', '10.0.0.1', undefined, '10.0.0.1'],
    ['an empty header', '10.0.0.1', '', '10.0.0.1'],
    ['one hop', '10.0.0.1', '203.0.113.7', '203.0.113.7'],
    ['a mapped peer', '::ffff:10.0.0.1', '203.0.113.7', '203.0.113.7'],
    ['a single trusted address', '192.0.2.10', '203.0.113.7', '203.0.113.7'],
    ['two proxies', '10.0.0.1', '203.0.113.7, 10.9.9.9', '203.0.113.7'],
    ['an IPv6 chain', 'fd00::1', '2001:DB8:0::7, 2001:db8::5', '2001:db8::7'],
    ['a port', '10.0.0.1', '203.0.113.7:51234', '203.0.113.7'],
    ['brackets and a port', '10.0.0.1', '[2001:db8::7]:51234', '2001:db8::7'],
    ['a mapped hop', '10.0.0.1', '::ffff:203.0.113.7', '203.0.113.7'],
    ['proxies only', '10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
  ])('%s', (_name, peer, header, expected) => {
    expect(via(peer, header)).toBe(expected);
  });

  it.each([
    ['the peer is not trusted', '203.0.113.99', '198.51.100.1', '203.0.113.99'],
    ['the peer is next to a trusted address', '192.0.2.11', '198.51.100.1', '192.0.2.11'],
    ['the client wrote hops of its own', '10.0.0.1', '198.51.100.1, 203.0.113.7', '203.0.113.7'],
    ['the client wrote a trusted hop', '10.0.0.1', '198.51.100.1, 10.0.0.2, 203.0.113.7', '203.0.113.7'],
    ['the client wrote an unfinished quote', '10.0.0.1', '"198.51.100.1, 203.0.113.7', '203.0.113.7'],
    ['a hop is malformed', '10.0.0.1', '198.51.100.1, 203.0.113.7:x', '10.0.0.1'],
    ['a middle hop is malformed', '10.0.0.1', '198.51.100.1, unknown, 10.0.0.2', '10.0.0.2'],
    ['a hop is empty', '10.0.0.1', '198.51.100.1, , 10.0.0.2', '10.0.0.2'],
    ['the header ends with a comma', '10.0.0.1', '198.51.100.1,', '10.0.0.1'],
  ])('is not forged when %s', (_name, peer, header, expected) => {
    expect(via(peer, header)).toBe(expected);
  });

  it('is unknown for a peer without an address', () => {
    expect(via(undefined, '203.0.113.7')).toBe('unknown');
    expect(via('', '203.0.113.7')).toBe('unknown');
  });

  it('reads a header that came in several fields as one list', () => {
    const headers = { 'x-forwarded-for': ['198.51.100.1', '203.0.113.7'] } as unknown as Record<string, string>;
    expect(proxies.clientAddress('10.0.0.1', headers)).toBe('203.0.113.7');
  });

  it('never believes the header when no proxy is trusted', () => {
    const none = new TrustedProxies([]);
    expect(none.clientAddress('127.0.0.1', { 'x-forwarded-for': '203.0.113.7' })).toBe('127.0.0.1');
    expect(none.clientAddress('::ffff:127.0.0.1', {})).toBe('127.0.0.1');
    expect(none.forwardedProto('127.0.0.1', { 'x-forwarded-proto': 'https' })).toBeUndefined();
  });

  it('does not read Forwarded unless it is the configured header', () => {
    expect(proxies.clientAddress('10.0.0.1', { forwarded: 'for=198.51.100.1' })).toBe('10.0.0.1');
  });

  it('walks a bounded number of hops', () => {
    const header = `203.0.113.7${', 10.0.0.2'.repeat(5000)}`;
    expect(via('10.0.0.1', header)).toBe('10.0.0.2');
    expect(via('10.0.0.1', `203.0.113.7, ${' '.repeat(1000)}10.0.0.2`)).toBe('10.0.0.1');
  });

  it('answers an address for any text, and never one that an untrusted peer wrote', () => {
    const hop = fc.oneof(
      fc.constantFrom(
        '10.0.0.2',
        '203.0.113.7',
        '2001:db8::7',
        '[2001:db8::7]:1',
        '1.2.3.4:5',
        'unknown',
        '_x',
        '',
        '"',
        '::',
      ),
      fc.string({ maxLength: 20 }),
    );
    fc.assert(
      fc.property(fc.array(hop, { maxLength: 50 }), fc.constantFrom('10.0.0.1', '203.0.113.99'), (hops, peer) => {
        const found = via(peer, hops.join(', '));
        expect(isIP(found)).not.toBe(0);
        if (peer === '203.0.113.99') expect(found).toBe(peer);
        else if (found !== peer) expect(hops.length).toBeGreaterThan(0);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('the client behind Forwarded', () => {
  const rfc = new TrustedProxies(['10.0.0.0/8'], 'forwarded');
  it.each([
    ['for=203.0.113.7;proto=https;by=10.0.0.1', '203.0.113.7', 'https'],
    ['For="[2001:db8::7]:4711" ; Proto=HTTPS', '2001:db8::7', 'https'],
    ['for=198.51.100.1;proto=https, for=203.0.113.7;proto=http', '203.0.113.7', 'http'],
    ['for=203.0.113.7;proto=https, for=10.0.0.2;proto=http', '203.0.113.7', 'https'],
    ['for="198.51.100.1, for=203.0.113.7', '203.0.113.7', undefined],
    ['for=198.51.100.1, for=_hidden', '10.0.0.1', undefined],
    ['for=unknown', '10.0.0.1', undefined],
    ['proto=https', '10.0.0.1', undefined],
    ['for=203.0.113.7;proto=javascript', '203.0.113.7', undefined],
  ])('%s', (forwarded, address, proto) => {
    expect(rfc.clientAddress('10.0.0.1', { forwarded })).toBe(address);
    expect(rfc.forwardedProto('10.0.0.1', { forwarded })).toBe(proto);
  });

  it('does not read X-Forwarded-For or X-Forwarded-Proto', () => {
    const headers = { 'x-forwarded-for': '198.51.100.1', 'x-forwarded-proto': 'https' };
    expect(rfc.clientAddress('10.0.0.1', headers)).toBe('10.0.0.1');
    expect(rfc.forwardedProto('10.0.0.1', headers)).toBeUndefined();
  });
});

describe('the scheme', () => {
  it.each([
    ['https', 'https'],
    ['http', 'http'],
    ['https, http', 'http'],
    ['ftp', undefined],
    ['', undefined],
  ])('of %j', (header, expected) => {
    expect(proxies.forwardedProto('10.0.0.1', { 'x-forwarded-proto': header })).toBe(expected);
    expect(proxies.forwardedProto('203.0.113.7', { 'x-forwarded-proto': header })).toBeUndefined();
  });
});

describe('the list', () => {
  it('names every entry that is neither an address nor a block', () => {
    const bad = [
      '10.0.0.0/33',
      'fd00::/129',
      'proxy.local',
      '10.0.0.0/',
      '10.0.0.0/8/8',
      '10.0.0.0/-1',
      'fe80::1%eth0',
      '::ffff:10.0.0.0/8',
    ];
    expect(trustedProxyFaults(['10.0.0.0/8', '::1', ...bad])).toHaveLength(bad.length);
    expect(() => new TrustedProxies(bad)).toThrow('"proxy.local" is neither an IP address nor a CIDR block');
  });

  it('takes blocks with host bits, whole families and mapped blocks', () => {
    expect(new TrustedProxies(['10.1.2.3/8']).trusts('10.200.0.1')).toBe(true);
    expect(new TrustedProxies(['0.0.0.0/0']).trusts('203.0.113.7')).toBe(true);
    expect(new TrustedProxies(['0.0.0.0/0']).trusts('2001:db8::1')).toBe(false);
    const mapped = new TrustedProxies(['::ffff:10.0.0.0/104']);
    expect([mapped.trusts('10.200.0.1'), mapped.trusts('11.0.0.1')]).toEqual([true, false]);
  });

  it('remembers a bounded number of peers and stays right', () => {
    for (let i = 0; i < 3000; i++)
      expect(via(`203.0.${i >> 8}.${i & 255}`, '198.51.100.1')).toBe(`203.0.${i >> 8}.${i & 255}`);
    expect(via('10.0.0.1', '198.51.100.1')).toBe('198.51.100.1');
  });
});
