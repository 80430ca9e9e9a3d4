import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import {
  accountRegistered,
  type EventData,
  type EventDefinition,
  passwordChanged,
  projectMemberAdded,
  queueName,
} from '@nexus/contracts';
import { uuidv7 } from '@nexus/kernel';
import { Messaging, type Publication } from '@nexus/messaging';
import { startTestApp, type TestApp, testContext } from '@nexus/testing';
import { notificationService } from '../index.js';

jest.setTimeout(60_000);

const DEADLINE_MS = 20_000;

describe('what the service does when it hears of changes', () => {
  let app: TestApp;

  beforeAll(async () => {
    app = await startTestApp({ services: [notificationService], env: { RATE_LIMIT_ANONYMOUS: '100000' } });
  });

  afterAll(() => app.stop());

  const db = () => app.running.app.databases.get('notification');
  const publish = <E extends EventDefinition>(event: E, userId: string, data: EventData<E>) => {
    const what = { aggregate: { type: 'account', id: userId, version: 1 }, data } as Publication<E>;
    return db().transaction((tx) => app.running.app.nest.get(Messaging).publish(tx, testContext(), event, what));
  };
  const registered = (userId: string, email: string, name = 'Ada Lovelace') =>
    publish(accountRegistered, userId, { user_id: userId, email, name, role: 'user', email_verified: false });
  const mails = async (to: string) =>
    (await app.call('GET', `/dev/mail/messages?to=${encodeURIComponent(to)}`)).body.data;
  const inbox = async (userId: string) =>
    (await app.call('GET', '/api/v1/notifications', { token: app.token({ sub: userId }) })).body.data;

  /** Asks again until the answer holds. */
  async function eventually<T>(ask: () => Promise<T>, holds: (answer: T) => boolean): Promise<T> {
    const end = Date.now() + DEADLINE_MS;
    for (;;) {
      const answer = await ask();
      if (holds(answer)) return answer;
      if (Date.now() > end) throw new Error(`It did not happen: ${JSON.stringify(answer)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  const rows = async (sql: string, values: unknown[] = []) => (await db().query(sql, values)).length;
  const unhandled = () => rows(`SELECT 1 FROM bus.job WHERE name LIKE '%notification%' AND state <> 'completed'`);

  it('welcomes whoever registers, by mail and in the inbox', async () => {
    const userId = uuidv7();
    await registered(userId, 'ada@corp.example');
    const [mail] = await eventually(
      () => mails('ada@corp.example'),
      (found) => found.length > 0,
    );
    expect(mail).toMatchObject({
      to: 'ada@corp.example',
      from: 'Nexus <no-reply@nexus.local>',
      subject: 'Welcome to Nexus',
      text: expect.stringContaining('Welcome, Ada Lovelace'),
      html: expect.stringContaining('href="http://localhost:8080/docs"'),
    });
    expect(await inbox(userId)).toEqual([
      expect.objectContaining({ category: 'account', title: 'Welcome to Nexus', data: {} }),
    ]);
    const [delivery] = await db().query('SELECT * FROM notification.deliveries WHERE user_id = $1', [userId]);
    expect(delivery).toMatchObject({ id: mail.id, status: 'sent', template: 'welcome', attempts: 1, last_error: null });
  });

  it('tells whoever is added to a project', async () => {
    const [userId, projectId] = [uuidv7(), uuidv7()];
    await publish(projectMemberAdded, userId, {
      project_id: projectId,
      project_name: 'Apollo\u202e 11',
      user_id: userId,
      role: 'editor',
      added_by: uuidv7(),
    });
    const [note] = await eventually(
      () => inbox(userId),
      (found) => found.length > 0,
    );
    expect(note).toMatchObject({
      category: 'project',
      title: 'You were added to “Apollo 11”',
      body: 'You can now change the project and its files.',
      data: { project_id: projectId, role: 'editor' },
      read_at: null,
    });
  });

  it('warns the owner of a changed password', async () => {
    const userId = uuidv7();
    await publish(passwordChanged, userId, { user_id: userId, email: 'owner@corp.example', address: '203.0.113.9' });
    const [mail] = await eventually(
      () => mails('owner@corp.example'),
      (found) => found.length > 0,
    );
    expect(mail).toMatchObject({
      subject: 'Your Nexus password was changed',
      text: expect.stringContaining('From: 203.0.113.9'),
    });
  });

  it('does so once, however often the event is delivered', async () => {
    const userId = uuidv7();
    await registered(userId, 'twice@corp.example');
    await eventually(
      () => mails('twice@corp.example'),
      (found) => found.length > 0,
    );
    const queue = queueName(accountRegistered, 'notification');
    await db().query(
      `INSERT INTO bus.job (name, data, retry_limit, expire_seconds)
       SELECT name, data, 3, 30 FROM bus.job, generate_series(1, 5) WHERE name = $1 AND data->'data'->>'user_id' = $2`,
      [queue, userId],
    );
    await eventually(unhandled, (left) => left === 0);
    expect(await rows(`SELECT 1 FROM bus.job WHERE name = $1 AND data->'data'->>'user_id' = $2`, [queue, userId])).toBe(
      6,
    );
    expect(await mails('twice@corp.example')).toHaveLength(1);
    expect(await inbox(userId)).toHaveLength(1);
    expect(await rows('SELECT 1 FROM notification.deliveries WHERE user_id = $1', [userId])).toBe(1);
  });

  it('handles a burst without a pause between the events', async () => {
    const people = Array.from({ length: 40 }, () => uuidv7());
    const from = Date.now();
    await Promise.all(people.map((id) => registered(id, `${id}@burst.example`)));
    await eventually(
      () => rows(`SELECT 1 FROM notification.captured_mails WHERE recipient LIKE '%@burst.example'`),
      (count) => count === 40,
    );
    expect(Date.now() - from).toBeLessThan(10_000);
  });

  it('survives hostile names and addresses, with nothing sent to them', async () => {
    const userId = uuidv7();
    const email = 'evil@corp.example\r\nBcc: all@corp.example';
    await registered(userId, email, '<script>alert(1)</script>');
    const answer = await eventually(
      () => mails(email),
      (found) => found.length > 0,
    );
    expect(answer[0].html).not.toContain('<script');
    expect(answer[0].text).not.toContain('\r');
  });
});
