import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { ComposedMail } from './mail-layout.js';
import { passwordChangedMail } from './password-changed-mail.js';
import { speakableName } from './salutation.js';
import { welcomeMail } from './welcome-mail.js';

const publicUrl = 'https://nexus.example';
const nasty = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom('<', '>', '"', "'", '&', ';', '\r', '\n', '\u2028', '\u202e', '=', 'a', ' ') }),
  fc.constantFrom(
    '</td><script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    'x\r\nBcc: all@corp.example\r\n\r\nhi',
    '&lt;b&gt;',
  ),
);

/** Names of all tags in order, with the names of their attributes: what text may never change. */
function structure(html: string): string[] {
  const tags = html.match(/<(?:[^<>"]|"[^"]*")*>/g) ?? [];
  return tags.map((tag) => tag.replace(/"[^"]*"/g, '""').replace(/\s+/g, ' '));
}

function mails(text: string): ComposedMail[] {
  return [
    // A name that may be said, so that it is said.
    welcomeMail({ name: `N${text}`.replace(/[/\\@.]|www/gi, ''), email: text, publicUrl }),
    passwordChangedMail({ email: text, address: text, changedAt: new Date(0), publicUrl }),
  ];
}

describe('mails', () => {
  it('hold any text without changing shape, in HTML, as text and in the subject', () => {
    const plain = mails('plain');
    fc.assert(
      fc.property(nasty, (text) => {
        mails(text).forEach((mail, i) => {
          const usual = plain[i] as ComposedMail;
          expect(structure(mail.html)).toEqual(structure(usual.html));
          expect(mail.html.replace(/<(?:[^<>"]|"[^"]*")*>/g, '')).not.toMatch(/[<>]/);
          expect(mail.text.split('\n')).toHaveLength(usual.text.split('\n').length);
          expect(mail.text).not.toMatch(/[\r\u2028\u202e\0]/);
          expect(mail.subject).toBe(usual.subject);
        });
      }),
    );
  });

  it('say whom and what they are about, in both forms', () => {
    const welcome = welcomeMail({ name: 'Ada <3', email: 'ada@corp.example', publicUrl });
    expect(welcome).toMatchObject({ template: 'welcome', subject: 'Welcome to Nexus' });
    expect(welcome.html).toContain('Welcome, Ada &lt;3');
    expect(welcome.text).toContain('Welcome, Ada <3');
    const changed = passwordChangedMail({
      email: 'ada@corp.example',
      address: '::1',
      changedAt: new Date('2026-01-31T12:34:56Z'),
      publicUrl,
    });
    for (const part of ['ada@corp.example', '2026-01-31 12:34 UTC', '::1']) {
      expect(changed.html).toContain(part);
      expect(changed.text).toContain(part);
    }
    const unknown = passwordChangedMail({ email: 'a@b.c', address: null, changedAt: new Date(0), publicUrl });
    expect(unknown.text).not.toContain('From');
    for (const { html, text } of [welcome, changed]) {
      const links = [...html.matchAll(/href="([^"]*)"/g)].map(([, href]) => href);
      expect(new Set(links)).toEqual(new Set([`${publicUrl}/docs`]));
      expect(text).toContain(`${publicUrl}/docs`);
      expect(html).not.toMatch(/<(script|style|link|img|iframe)|url\(/);
    }
  });

  it("carry no address into a stranger's mailbox by way of a name", () => {
    for (const name of [
      'Win at www.evil.example',
      'http://evil',
      'Visit evil.com',
      'a@b',
      'evil.example/x',
      '\u202e',
      '',
      '\r\n',
    ])
      expect([name, speakableName(name)]).toEqual([name, undefined]);
    for (const name of ['Ada Lovelace', 'J. R. R. Tolkien', "Conan O'Brien", '李小龍', 'Dr. Who'])
      expect(speakableName(name)).toBe(name);
    expect(welcomeMail({ name: 'evil.com', email: 'a@b.c', publicUrl }).html).not.toContain('evil.com');
  });
});
