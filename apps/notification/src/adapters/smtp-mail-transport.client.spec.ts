import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { uuidv7 } from '@nexus/kernel';
import { type ReceivedMail, SmtpServer } from '@nexus/testing';
import fc from 'fast-check';
import type { MailFault, OutgoingMail } from '../mail/mail-transport.port.js';
import { SmtpMailTransport, smtpFault } from './smtp-mail-transport.client.js';

jest.setTimeout(30_000);

const FROM = { name: 'Nexus – Team', address: 'no-reply@nexus.example' };
const SIGNAL = new AbortController().signal;

function mail(changes: Partial<OutgoingMail> = {}): OutgoingMail {
  return { id: uuidv7(), to: 'ada@corp.example', subject: 'Hi', html: '<p>Hi</p>', text: 'Hi', ...changes };
}

function header({ headers }: ReceivedMail, name: string): string | undefined {
  const found = headers.filter(([key]) => key.toLowerCase() === name.toLowerCase());
  expect(found.length).toBeLessThanOrEqual(1);
  return found[0]?.[1];
}

/** Words of RFC 2047 read back. */
function decoded(value = ''): string {
  const joined = value.replace(/\?= =\?/g, '?==?');
  return joined.replace(/=\?UTF-8\?([QB])\?([^?]*)\?=/gi, (_, kind: string, text: string) => {
    if (kind.toUpperCase() === 'B') return Buffer.from(text, 'base64').toString('latin1');
    return text
      .replaceAll('_', ' ')
      .replace(/=([0-9A-F]{2})/g, (__, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  });
}

describe('mail over SMTP', () => {
  let server: SmtpServer;
  let transport: SmtpMailTransport;

  const connect = async () => {
    transport?.onModuleDestroy();
    transport = await SmtpMailTransport.open(`smtp://user:hunter2@127.0.0.1:${server.port}`, FROM);
  };

  beforeEach(async () => {
    server = await SmtpServer.start();
    await connect();
  });

  afterEach(async () => {
    transport.onModuleDestroy();
    await server.stop();
  });

  const fault = (changes: Partial<OutgoingMail> = {}, signal = SIGNAL): Promise<MailFault> =>
    transport.send(mail(changes), signal).then(
      () => Promise.reject(new Error('It was sent')),
      (error: MailFault) => error,
    );

  it('arrives whole, with a Message-ID that is the delivery', async () => {
    const sent = mail({ subject: 'Grüße', html: '<p>Größe &amp; mehr</p>', text: 'Größe\n.\n.. und mehr' });
    await transport.send(sent, SIGNAL);
    const [got] = server.mails as [ReceivedMail];
    expect([got.from, got.to]).toEqual(['no-reply@nexus.example', ['ada@corp.example']]);
    expect(header(got, 'message-id')).toBe(`<${sent.id}@nexus.example>`);
    expect(header(got, 'to')).toBe('ada@corp.example');
    expect(Buffer.from(decoded(header(got, 'subject')), 'latin1').toString()).toBe('Grüße');
    expect(header(got, 'from')).toMatch(/<no-reply@nexus\.example>$/);
    expect(header(got, 'auto-submitted')).toBe('auto-generated');
    expect(header(got, 'content-type')).toMatch(/^multipart\/alternative/);
    expect(got.raw.indexOf('text/plain')).toBeLessThan(got.raw.indexOf('text/html'));
    expect(got.raw.replace(/=\r\n/g, '')).toContain('Gr=C3=B6=C3=9Fe &amp; mehr');
  });

  it('keeps its connections, within their number', async () => {
    await Promise.all(Array.from({ length: 20 }, () => transport.send(mail(), SIGNAL)));
    await transport.send(mail(), SIGNAL);
    expect(server.mails).toHaveLength(21);
    expect(server.connections).toBeLessThanOrEqual(4);
  });

  it('sends the same Message-ID when it sends again', async () => {
    const sent = mail();
    await transport.send(sent, SIGNAL);
    await transport.send(sent, SIGNAL);
    expect(new Set(server.mails.map((got) => header(got, 'message-id'))).size).toBe(1);
  });

  it('lets no text become a header, another recipient or a command', async () => {
    const nasty = fc.oneof(
      fc.string({ unit: fc.constantFrom('\r', '\n', ':', ' ', 'a', '<', '>', ',', '\0', 'é', '"') }),
      fc.constantFrom(
        'x\r\nBcc: all@corp.example',
        'x\nX-Evil: 1\n\nbody',
        '\r\n.\r\nMAIL FROM:<evil@x>',
        'a\u2028Bcc: b',
      ),
    );
    await transport.send(mail(), SIGNAL);
    const names = (got: ReceivedMail) => got.headers.map(([name]) => name);
    const usual = names(server.mails[0] as ReceivedMail);
    await fc.assert(
      fc.asyncProperty(nasty, async (text) => {
        server.mails.length = 0;
        server.commands.length = 0;
        await transport.send(mail({ subject: `S${text}`, text, html: text }), SIGNAL);
        const [got, ...more] = server.mails as [ReceivedMail];
        expect(more).toEqual([]);
        expect(names(got)).toEqual(usual);
        expect(got.to).toEqual(['ada@corp.example']);
        expect(server.commands.filter((command) => command === 'MAIL')).toHaveLength(1);
      }),
      { numRuns: 60 },
    );
  });

  it('never says an address to the server that is more than an address', async () => {
    for (const to of ['a@b\r\nRCPT TO:<c@d>', 'a@b, c@d', 'a@b> <c@d', '"a b"@c', 'a', '', 'x'.repeat(300)]) {
      expect(await fault({ to })).toMatchObject({ message: 'EADDRESS', permanent: true });
    }
    expect(server.connections).toBe(0);
  });

  it('tells what will never work from what may work later', async () => {
    const cases: [string, string, string, boolean][] = [
      ['RCPT', '550 5.1.1 no such mailbox here', 'EENVELOPE 550 5.1.1 RCPT TO', true],
      ['RCPT', '450 4.2.1 mailbox busy', 'EENVELOPE 450 4.2.1 RCPT TO', false],
      ['MAIL', '553 sender refused', 'EENVELOPE 553 MAIL FROM', true],
      ['MAIL', '530 5.7.0 sign in first', 'EENVELOPE 530 5.7.0 MAIL FROM', false],
      ['DATA', '451 4.3.0 later', 'EENVELOPE 451 4.3.0 DATA', false],
      ['MESSAGE', '554 5.7.1 looks like spam', 'EMESSAGE 554 5.7.1 DATA', true],
      ['MESSAGE', '452 4.3.1 disk full', 'EMESSAGE 452 4.3.1 DATA', false],
      ['AUTH', '535 5.7.8 wrong password hunter2', 'EAUTH 535 5.7.8', false],
      ['GREETING', '554 no service here', 'EPROTOCOL 554', false],
      ['GREETING', '421 4.3.2 busy', 'EPROTOCOL 421 4.3.2', false],
    ];
    for (const [command, reply, message, permanent] of cases) {
      server.script = (asked) => (asked === command ? reply : undefined);
      // A connection of its own: one that is signed in already does not sign in again.
      await connect();
      expect([command, reply, await fault()]).toEqual([
        command,
        reply,
        expect.objectContaining({ message, permanent }),
      ]);
    }
    server.script = () => undefined;
    await transport.send(mail(), SIGNAL);
    expect(server.mails).toHaveLength(1);
  });

  it('tries again later when the server hangs up, is gone, or says nothing', async () => {
    server.script = (command) => (command === 'MESSAGE' ? 'hang up' : undefined);
    expect(await fault()).toMatchObject({ permanent: false });
    server.script = (command) => (command === 'DATA' ? 'silence' : undefined);
    const stop = new AbortController();
    const waiting = fault({}, stop.signal);
    setTimeout(() => stop.abort(), 100);
    expect(await waiting).toMatchObject({ permanent: false });
    await server.stop();
    expect(await fault()).toMatchObject({
      message: expect.stringMatching(/^E(SOCKET|CONNECTION|CONNREFUSED)$/),
      permanent: false,
    });
  });

  it('tells of a failure in codes alone', () => {
    const text = fc.string();
    fc.assert(
      fc.property(fc.record({ message: text, code: text, command: text, response: text, stack: text }), (error) => {
        expect(smtpFault(error).message).toMatch(
          /^E?[A-Z_]+( \d{3})?( [245](\.\d{1,3}){2})?( (MAIL FROM|RCPT TO|DATA))?$/,
        );
      }),
    );
    expect(smtpFault(undefined)).toMatchObject({ message: 'EUNKNOWN', permanent: false });
  });
});
