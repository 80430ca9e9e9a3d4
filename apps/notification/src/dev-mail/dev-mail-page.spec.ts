import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { mailListPage, mailPage, PAGE_POLICY, type ShownMail } from './dev-mail-page.js';

const nasty = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom('<', '>', '"', "'", '&', ';', '\n', '=', 'a', ' ') }),
  fc.constantFrom(
    '"></iframe><script>alert(1)</script>',
    '</pre><script>',
    '</title><script>',
    '&quot;><b>',
    '</style>',
  ),
);

/** All tags in order, with the names of their attributes: what a mail may never change. */
function structure(page: string): string[] {
  const tags = page.match(/<(?:[^<>"]|"[^"]*")*>/g) ?? [];
  return tags.map((tag) => tag.replace(/"[^"]*"/g, '""').replace(/\s+/g, ' '));
}

function mail(text: string): ShownMail {
  return {
    id: '0197b1a2-7c00-7000-8000-000000000001',
    sender: text,
    recipient: text,
    subject: text,
    html: text,
    plain: text,
    headers: { From: text, [text]: text },
    createdAt: new Date(0),
  };
}

describe('pages of captured mail', () => {
  it('keep their shape whatever a mail holds', () => {
    const list = structure(mailListPage([mail('plain')], true));
    const one = structure(mailPage(mail('plain')));
    fc.assert(
      fc.property(nasty, (text) => {
        expect(structure(mailListPage([mail(text)], true))).toEqual(list);
        expect(structure(mailPage(mail(text)))).toEqual(one);
      }),
    );
  });

  it('frame the mail as it is, where nothing of it can run', () => {
    const html = '<p title="a&amp;b">Hi & "you" \'there\'</p>';
    const page = mailPage({ ...mail('x'), html });
    const [, sandbox, srcdoc = ''] = /<iframe [^>]*sandbox="([^"]*)"[^>]*srcdoc="([^"]*)"/.exec(page) ?? [];
    expect(sandbox).toBe('allow-popups allow-popups-to-escape-sandbox');
    const names: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };
    expect(srcdoc.replace(/&([a-z]+|#39);/g, (_, name: string) => names[name] as string)).toBe(html);
  });

  it('allow exactly their own style sheet and no script', () => {
    const style = /<style>([^<]*)<\/style>/.exec(mailPage(mail('x')))?.[1] as string;
    expect(PAGE_POLICY).toContain(`style-src-elem 'sha256-${createHash('sha256').update(style).digest('base64')}'`);
    expect(PAGE_POLICY).toContain("default-src 'none'");
    expect(PAGE_POLICY).toContain("frame-ancestors 'none'");
    expect(PAGE_POLICY).not.toMatch(/script-src|https?:|\*/);
  });

  it('say what to expect while there is nothing', () => {
    expect(mailListPage([], true)).toContain('nothing leaves this machine');
    expect(mailListPage([], false)).toContain('SMTP_URL is set');
    expect(mailListPage([mail('x')], true)).toContain('1 mail<');
  });
});
