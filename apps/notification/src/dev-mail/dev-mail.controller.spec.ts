import { request } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { uuidv7 } from '@nexus/kernel';
import { startTestApp, type TestApp } from '@nexus/testing';
import { notificationService } from '../index.js';
import { CapturedMailsRepository } from '../mail/captured-mails.repository.js';
import { PAGE_POLICY } from './dev-mail-page.js';

jest.setTimeout(30_000);

/** A request with exactly these headers, which `fetch` would not send. */
function ask(
  url: string,
  path: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(`${url}${path}`, { agent: false, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent.on('error', reject).end();
  });
}

describe('captured mail in development', () => {
  let app: TestApp;

  beforeAll(async () => {
    app = await startTestApp({ services: [notificationService], env: { RATE_LIMIT_ANONYMOUS: '100000' } });
  });

  afterAll(() => app.stop());

  beforeEach(() => app.running.app.databases.get('notification').query('DELETE FROM notification.captured_mails'));

  const capture = async (subject: string, recipient = 'ada@corp.example') => {
    const id = uuidv7();
    const mails = app.running.app.nest.get(CapturedMailsRepository, { strict: false });
    const mail = { id, sender: 'Nexus <n@n.local>', recipient, subject, html: `<p>${subject}</p>`, plain: subject };
    await app.running.app.databases
      .get('notification')
      .transaction((tx) => mails.insert(tx, { ...mail, headers: { 'Message-ID': `<${id}@n.local>` } }));
    return id;
  };

  it('is listed newest first and shown one by one, under a strict policy', async () => {
    expect((await app.call('GET', '/dev/mail')).text).toContain('No mail yet');
    const first = await capture('<b>first</b>');
    const second = await capture('second');
    const list = await app.call('GET', '/dev/mail');
    expect([list.status, list.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(list.headers.get('content-security-policy')).toBe(PAGE_POLICY);
    expect(list.headers.get('cache-control')).toBe('no-store');
    expect(list.text).not.toContain('<b>');
    expect([...list.text.matchAll(/href="\/dev\/mail\/([^"]*)"/g)].map(([, id]) => id)).toEqual([second, first]);
    const one = await app.call('GET', `/dev/mail/${first}`);
    expect(one.status).toBe(200);
    expect(one.headers.get('content-security-policy')).toBe(PAGE_POLICY);
    expect(one.text).toContain(`Message-ID: &lt;${first}@n.local&gt;`);
    expect(one.text).not.toContain('<b>');
  });

  it('is told to tests as JSON', async () => {
    const id = await capture('one');
    await capture('two', 'bob@corp.example');
    const all = await app.call('GET', '/dev/mail/messages');
    expect(all.body).toMatchObject({ success: true, page: { total: 2, next_cursor: null } });
    expect(all.body.data.map(({ subject }: { subject: string }) => subject)).toEqual(['two', 'one']);
    expect((await app.call('GET', '/dev/mail/messages?to=ada%40corp.example')).body.data).toEqual([
      {
        id,
        to: 'ada@corp.example',
        from: 'Nexus <n@n.local>',
        subject: 'one',
        text: 'one',
        html: '<p>one</p>',
        created_at: expect.stringMatching(/Z$/),
      },
    ]);
    expect((await app.call('GET', '/dev/mail/messages?from=x')).status).toBe(400);
  });

  it('is not there for unknown mails, other machines, proxies and pages of other sites', async () => {
    const id = await capture('secret');
    const paths = ['/dev/mail', '/dev/mail/messages', `/dev/mail/${id}`];
    const host = new URL(app.url).host;
    for (const path of paths) {
      expect([path, (await ask(app.url, path, { host })).status]).toEqual([path, 200]);
      const foreign: Record<string, string>[] = [
        { host: 'evil.example' },
        { host: `evil.example:${new URL(app.url).port}` },
        { host, 'x-forwarded-for': '127.0.0.1' },
        { host, forwarded: 'for=127.0.0.1' },
        { host, origin: 'https://evil.example' },
      ];
      for (const headers of foreign) {
        const { status, text } = await ask(app.url, path, headers);
        expect([path, headers, status, JSON.parse(text).details[0].code]).toEqual([path, headers, 404, 'not_found']);
        expect(text).not.toContain('secret');
      }
    }
    for (const unknown of [uuidv7(), 'x', '%00', "'--", 'x'.repeat(100)])
      expect((await app.call('GET', `/dev/mail/${unknown}`)).status).toBeGreaterThanOrEqual(400);
    expect((await app.call('GET', `/dev/mail/${uuidv7()}`)).status).toBe(404);
    expect((await app.call('GET', '/dev/mail/x')).status).toBe(404);
  });
});

describe('captured mail in staging and production', () => {
  let app: TestApp | undefined;

  afterEach(() => app?.stop());

  it('is not there', async () => {
    for (const NEXUS_ENV of ['staging', 'production']) {
      app = await startTestApp({ services: [notificationService], env: { NEXUS_ENV, SMTP_URL: 'smtp://127.0.0.1:1' } });
      for (const path of [
        '/dev/mail',
        '/dev/mail/messages',
        `/dev/mail/${uuidv7()}`,
        '/dev/mail/x',
        '/dev/mail/messages?x=1',
      ])
        expect([path, (await app.call('GET', path)).body.details?.[0]?.code]).toEqual([path, 'not_found']);
      await app.stop();
      app = undefined;
    }
  });
});
