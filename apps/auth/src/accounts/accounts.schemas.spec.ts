import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { emailAddress, personName } from './accounts.schemas.js';

describe('emailAddress', () => {
  it.each([
    ['  Ada@Example.COM ', 'ada@example.com'],
    ['a+b.c@sub.example.co.uk', 'a+b.c@sub.example.co.uk'],
    ["o'neil@example.ie", "o'neil@example.ie"],
    ['a@xn--bcher-kva.xn--p1ai', 'a@xn--bcher-kva.xn--p1ai'],
    [`${'l'.repeat(64)}@example.com`, `${'l'.repeat(64)}@example.com`],
  ])('takes %s', (given, canonical) => {
    expect(emailAddress.parse(given)).toBe(canonical);
  });

  it.each([
    '',
    'ada',
    '@example.com',
    'ada@',
    'ada@localhost',
    'ada@example..com',
    '.ada@example.com',
    'ada.@example.com',
    'a..b@example.com',
    'a b@example.com',
    'ada@-example.com',
    'ada@example-.com',
    'ada@1.2.3.4',
    'ada@[127.0.0.1]',
    '"a b"@example.com',
    'ada@example.com\nbcc:eve@example.com',
    'ädä@example.com',
    'ada@exämple.com',
    'ada@example.com, eve@example.com',
    `${'l'.repeat(65)}@example.com`,
    `a@${'d'.repeat(64)}.com`,
    `a@${'d.'.repeat(130)}com`,
  ])('refuses %j', (given) => {
    expect(emailAddress.safeParse(given).success).toBe(false);
  });

  it('has one canonical form, which it does not change', () => {
    fc.assert(
      fc.property(fc.emailAddress(), (email) => {
        const read = emailAddress.safeParse(email);
        if (!read.success) return;
        expect(emailAddress.parse(read.data)).toBe(read.data);
        expect(emailAddress.parse(` ${email.toUpperCase()}\t`)).toBe(read.data);
      }),
    );
  });

  it('answers hostile text in linear time', () => {
    const started = process.cpuUsage();
    for (const text of [`${'a.'.repeat(500)}@`, `a@${'a.'.repeat(500)}`, `a@${'a-'.repeat(500)}`, '1'.repeat(1024)]) {
      expect(emailAddress.safeParse(text).success).toBe(false);
    }
    const { user, system } = process.cpuUsage(started);
    expect((user + system) / 1000).toBeLessThan(200);
  });
});

describe('personName', () => {
  it('is one line of text', () => {
    expect(personName.parse(' Ада Лавлейс ')).toBe('Ада Лавлейс');
    for (const bad of ['', '   ', 'a\nb', 'a\u0000b', 'a\u202eb', 'x'.repeat(201)]) {
      expect(personName.safeParse(bad).success).toBe(false);
    }
  });
});
