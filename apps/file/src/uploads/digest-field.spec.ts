import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { sha256Of } from './digest-field.js';

const digest = createHash('sha256').update('hello').digest();
const member = `sha-256=:${digest.toString('base64')}:`;
const hex = digest.toString('hex');

describe('sha256Of', () => {
  it.each([
    [undefined, undefined],
    [member, hex],
    [` ${member} `, hex],
    [`sha-512=:AAAA:, ${member}`, hex],
    [`${member};a=1;b="x,y", md5=:AAAA:`, hex],
    ['sha-512=:AAAA:', undefined],
    ['unixsum=30637', undefined],
    ['', undefined],
  ])('of %p is %s', (field, expected) => {
    expect(sha256Of(field)).toBe(expected);
  });

  it.each([
    'sha-256=:AAAA:',
    'sha-256=::',
    'sha-256',
    `sha-256=${digest.toString('base64')}`,
    `sha-256=${hex}`,
    'sha-256=:%%%:',
    '=:AAAA:',
    ':::',
    `SHA-256=:${digest.toString('base64')}:`,
    `x=${'a'.repeat(2000)}`,
  ])('refuses %p', (field) => {
    expect(() => sha256Of(field)).toThrow(expect.objectContaining({ code: 'invalid_digest' }));
  });

  it('takes no time over any text', () => {
    const text = fc
      .array(fc.constantFrom('sha-256', '=', ':', ';', ',', '"', '\\', 'a', ' ', '*'), { maxLength: 400 })
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, (field) => {
        const from = process.cpuUsage();
        try {
          sha256Of(field);
        } catch (error) {
          expect(error).toMatchObject({ code: 'invalid_digest' });
        }
        const { user, system } = process.cpuUsage(from);
        expect((user + system) / 1000).toBeLessThan(200);
      }),
      { numRuns: 1_000 },
    );
  });
});
