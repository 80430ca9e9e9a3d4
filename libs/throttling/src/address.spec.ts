import { isIP, isIPv6, SocketAddress } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { addressKey, canonicalAddress } from './address.js';

const group = fc.integer({ min: 0, max: 0xffff });
const groups = fc.array(fc.oneof(fc.constant(0), group), { minLength: 8, maxLength: 8 });
const dotted = fc
  .tuple(...Array.from({ length: 4 }, () => fc.integer({ min: 0, max: 255 })))
  .map((parts) => parts.join('.'));
const nearAddress = fc.string({
  unit: fc.constantFrom(...'0123456789abcdefABCDEF:::...%/ -'.split('')),
  maxLength: 48,
});
const fragments = fc
  .array(fc.constantFrom('::', ':', '0', 'ffff', 'FFFF', '1', 'db8', '1.2.3.4', '256.1.1.1', '%eth0', '12345', '.'), {
    maxLength: 12,
  })
  .map((parts) => parts.join(''));

describe('canonicalAddress', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['::FFFF:cb00:7107', '203.0.113.7'],
    ['0:0:0:0:0:ffff:203.0.113.7', '203.0.113.7'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ])('%s is %s', (text, expected) => {
    expect(canonicalAddress(text)).toBe(expected);
  });

  it.each([
    '',
    ' ',
    'localhost',
    '1.2.3',
    '1.2.3.4.5',
    '01.2.3.4',
    '1.2.3.256',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    'g::',
    '12345::',
    '::1.2.3',
    '1.2.3.4::',
    '::1%',
    '1:',
    ':1',
    '::ffff:1.2.3.4 ',
    '::1.2.3.4:1.2.3.4',
    '::1.2.3.4:1',
  ])('refuses %j', (text) => {
    expect(canonicalAddress(text)).toBeUndefined();
    expect(addressKey(text)).toBe('unknown');
  });

  it('takes what the platform takes, and writes it as the platform does', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          nearAddress,
          fragments,
          groups.map((g) => g.map((n) => n.toString(16)).join(':')),
        ),
        (text) => {
          const ours = canonicalAddress(text);
          if (isIP(text) === 0) return expect(ours).toBeUndefined();
          expect(ours).toBeDefined();
          if (ours !== undefined && isIPv6(ours) && !text.includes('%')) {
            expect(isIPv6(ours)).toBe(true);
            const theirs = new SocketAddress({ address: text, family: 'ipv6' }).address;
            // inet_ntop shows IPv4-compatible addresses dotted; the bits are what matters there.
            if (!theirs.includes('.')) expect(ours).toBe(theirs);
          }
          expect(canonicalAddress(ours)).toBe(ours);
        },
      ),
      { numRuns: 5000 },
    );
  });
});

describe('addressKey', () => {
  it('is the same within a /64 and differs between two', () => {
    fc.assert(
      fc.property(groups, groups, (a, b) => {
        const text = (parts: number[]) => parts.map((n) => n.toString(16)).join(':');
        fc.pre(!(a.slice(0, 5).every((n) => n === 0) || b.slice(0, 5).every((n) => n === 0)));
        const sameNetwork = text([...a.slice(0, 4), ...b.slice(4)]);
        expect(addressKey(sameNetwork)).toBe(addressKey(text(a)));
        expect(addressKey(text(a)) === addressKey(text(b))).toBe(text(a.slice(0, 4)) === text(b.slice(0, 4)));
      }),
    );
  });

  it('is the same for IPv4 and mapped IPv4', () => {
    fc.assert(fc.property(dotted, (address) => expect(addressKey(`::ffff:${address}`)).toBe(address)));
  });

  it('never throws, and is short, for any text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 5000 }), nearAddress, fragments), (text) => {
        expect(addressKey(text).length).toBeLessThanOrEqual(24);
      }),
      { numRuns: 3000 },
    );
    expect(addressKey(undefined)).toBe('unknown');
  });
});
