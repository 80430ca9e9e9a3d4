import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { ResponseCache } from '@nexus/caching';
import { loadConfig, platformConfig } from '@nexus/config';
import { accountRegistered } from '@nexus/contracts';
import type { Database } from '@nexus/database';
import { uuidv7 } from '@nexus/kernel';
import { BUS_SCHEMA, Messaging } from '@nexus/messaging';
import { createLogger, MemoryDestination } from '@nexus/observability';
import {
  openTestPlatform,
  runSource,
  SmtpServer,
  type SourceProcess,
  type TestPlatform,
  testContext,
} from '@nexus/testing';
import { CaptureMailTransport } from '../adapters/capture-mail-transport.local.js';
import { LocalInboxFeed } from '../adapters/inbox-feed.local.js';
import { SmtpMailTransport } from '../adapters/smtp-mail-transport.client.js';
import { InboxRepository } from '../inbox/inbox.repository.js';
import { InboxService } from '../inbox/inbox.service.js';
import { notificationService } from '../index.js';
import { WelcomeHandler } from '../reactions/account-registered.event.js';
import { CapturedMailsRepository, KEPT_MAILS } from './captured-mails.repository.js';
import { DeliverMailJob, deliverMail, MAX_ATTEMPTS } from './deliver-mail.job.js';
import { DeliveriesRepository } from './deliveries.repository.js';
import { DeliveryEntity } from './delivery.entity.js';
import { MailOutbox } from './mail-outbox.service.js';
import type { MailTransport } from './mail-transport.port.js';

jest.setTimeout(90_000);

const DEADLINE_MS = 40_000;
const FROM = { name: 'Nexus', address: 'no-reply@nexus.local' };
const PLATFORM = loadConfig([platformConfig], {}).get(platformConfig);
const SIGNAL = new AbortController().signal;

/** The service's handlers and job in a process of its own; with `hangAt` it stops dead in the middle of that mail. */
function worker(url: string, hangAt?: number): SourceProcess {
  const file = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
  return runSource(`
    import { accountRegistered } from '@nexus/contracts';
    import { ResponseCache } from '@nexus/caching';
    import { DatabaseRoot } from '@nexus/database';
    import { BUS_SCHEMA, Messaging } from '@nexus/messaging';
    import { LocalInboxFeed } from ${file('../adapters/inbox-feed.local.ts')};
    import { CaptureMailTransport } from ${file('../adapters/capture-mail-transport.local.ts')};
    import { InboxRepository } from ${file('../inbox/inbox.repository.ts')};
    import { InboxService } from ${file('../inbox/inbox.service.ts')};
    import { WelcomeHandler } from ${file('../reactions/account-registered.event.ts')};
    import { CapturedMailsRepository } from ${file('./captured-mails.repository.ts')};
    import { DeliverMailJob, deliverMail } from ${file('./deliver-mail.job.ts')};
    import { DeliveriesRepository } from ${file('./deliveries.repository.ts')};
    import { MailOutbox } from ${file('./mail-outbox.service.ts')};
    import { notificationService } from ${file('../index.ts')};

    const config = { DATABASE_URL: ${JSON.stringify(url)}, DATABASE_POOL_SIZE: 5, DATABASE_STATEMENT_TIMEOUT_MS: 10_000 };
    const root = await DatabaseRoot.open(config, 'development', [
      { schema: 'notification', entities: notificationService.database.entities },
      { schema: BUS_SCHEMA },
    ]);
    const db = root.get('notification');
    const messaging = await Messaging.open(root.get(BUS_SCHEMA), () => undefined);
    const deliveries = new DeliveriesRepository(db);
    const inbox = new InboxService(db, new InboxRepository(db), new LocalInboxFeed(), new ResponseCache());
    const welcome = new WelcomeHandler(inbox, new MailOutbox(deliveries, messaging), { PORT: 8080 });
    const capture = new CaptureMailTransport(new CapturedMailsRepository(db), ${JSON.stringify(FROM)});
    let sent = 0;
    const transport = {
      send: async (mail) => {
        if (++sent === ${hangAt ?? -1}) {
          console.log('hangs');
          await new Promise(() => setInterval(() => undefined, 1000));
        }
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
        return capture.send(mail);
      },
    };
    await messaging.subscribe('notification', accountRegistered, welcome, db);
    await messaging.consume(deliverMail, new DeliverMailJob(db, deliveries, transport, { warn() {} }), 4);
    console.log('works');
  `);
}

describe('delivery of mail', () => {
  let platform: TestPlatform;
  let db: Database;
  let deliveries: DeliveriesRepository;
  let outbox: MailOutbox;
  const log = new MemoryDestination();
  const stops: (() => unknown)[] = [];

  beforeAll(async () => {
    platform = await openTestPlatform([notificationService]);
    db = platform.databases.get('notification');
    deliveries = new DeliveriesRepository(db);
    outbox = new MailOutbox(deliveries, platform.messaging);
  });

  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
    await db.query('DELETE FROM bus.job');
  });

  afterAll(() => platform.close());

  const logger = createLogger({
    service: 'test',
    version: '0',
    environment: 'development',
    level: 'debug',
    destination: log,
  });
  const job = (transport: MailTransport) => new DeliverMailJob(db, deliveries, transport, logger);
  const captured = () => new CapturedMailsRepository(db);
  const mail = { template: 'welcome', subject: 'Hi', html: '<p>Hi</p>', text: 'Hi' };
  const queue = async (address = 'ada@corp.example') => {
    const userId = uuidv7();
    await db.transaction((tx) => outbox.queue(tx, { userId, address }, mail));
    return (await of(userId)).id;
  };
  const of = (userId: string) => db.dataSource.getRepository(DeliveryEntity).findOneByOrFail({ userId });
  const state = (id: string) => db.dataSource.getRepository(DeliveryEntity).findOneByOrFail({ id });
  const count = async (sql: string) =>
    Number((await db.query<{ n: string }>(`SELECT count(*) AS n FROM ${sql}`))[0]?.n);
  const until = async (holds: () => Promise<boolean>, what: string) => {
    const end = Date.now() + DEADLINE_MS;
    while (!(await holds())) {
      if (Date.now() > end) throw new Error(`It did not happen: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const smtp = async () => {
    const server = await SmtpServer.start();
    const transport = await SmtpMailTransport.open(`smtp://127.0.0.1:${server.port}`, FROM);
    stops.push(
      () => transport.onModuleDestroy(),
      () => server.stop(),
    );
    return { server, transport };
  };
  /** As if the time of whatever is under way were over. */
  const aMinutePasses = async () => {
    await db.query(`UPDATE bus.job SET started_on = started_on - interval '1 minute' WHERE state = 'active'`);
    await db.query(
      `UPDATE notification.deliveries SET claimed_at = claimed_at - interval '1 minute' WHERE status = 'sending'`,
    );
  };

  it('is queued with the change or not at all', async () => {
    const userId = uuidv7();
    const failing = db.transaction(async (tx) => {
      await outbox.queue(tx, { userId, address: 'a@b.example' }, mail);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await count(`notification.deliveries WHERE user_id = '${userId}'`)).toBe(0);
    expect(await count(`bus.job WHERE name = '${deliverMail.name}'`)).toBe(0);
  });

  it('sends a mail once, whoever asks how often', async () => {
    const { server, transport } = await smtp();
    const id = await queue();
    const runs = await Promise.allSettled(
      Array.from({ length: 8 }, () => job(transport).run({ delivery_id: id }, SIGNAL)),
    );
    expect(server.mails).toHaveLength(1);
    for (const run of runs) if (run.status === 'rejected') expect(run.reason).toMatchObject({ message: 'EBUSY' });
    await job(transport).run({ delivery_id: id }, SIGNAL);
    await job(transport).run({ delivery_id: uuidv7() }, SIGNAL);
    expect(server.mails).toHaveLength(1);
    expect(await state(id)).toMatchObject({ status: 'sent', attempts: 1, lastError: null, sentAt: expect.any(Date) });
  });

  it('tries again what the server puts off, under the same Message-ID, and sends it', async () => {
    const { server, transport } = await smtp();
    let refusals = 2;
    server.script = (command) => (command === 'MESSAGE' && refusals-- > 0 ? '451 4.3.0 come back later' : undefined);
    // On a bus of its own, so that it takes no mail of another test.
    const messaging = await Messaging.open(platform.databases.get(BUS_SCHEMA), () => undefined);
    stops.unshift(() => messaging.close(1000));
    await messaging.consume(deliverMail, job(transport));
    const id = await queue();
    await until(async () => (await state(id)).status === 'sent', 'the mail');
    expect(server.mails.map(({ headers }) => new Map(headers).get('Message-ID'))).toEqual([`<${id}@nexus.local>`]);
    expect(await state(id)).toMatchObject({ attempts: 3, lastError: null });
  });

  it('gives up at once what the server will never take', async () => {
    const { server, transport } = await smtp();
    server.script = (command) => (command === 'RCPT' ? '550 5.1.1 user ada@corp.example unknown' : undefined);
    const id = await queue();
    await job(transport).run({ delivery_id: id }, SIGNAL);
    expect(await state(id)).toMatchObject({ status: 'failed', attempts: 1, lastError: 'EENVELOPE 550 5.1.1 RCPT TO' });
    server.script = () => undefined;
    await job(transport).run({ delivery_id: id }, SIGNAL);
    expect(server.mails).toEqual([]);
    expect(log.lines.at(-1)).toContain('A mail was given up');
    expect(log.lines.join('\n')).not.toContain('ada@corp.example');
  });

  it('gives up after its attempts', async () => {
    const failing = { send: () => Promise.reject(new Error('secret of the transport')) } as unknown as MailTransport;
    const id = await queue();
    for (let attempt = 1; attempt < MAX_ATTEMPTS; attempt++) {
      await expect(job(failing).run({ delivery_id: id }, SIGNAL)).rejects.toThrow(/^EUNKNOWN$/);
      expect(await state(id)).toMatchObject({ status: 'queued', attempts: attempt, lastError: 'EUNKNOWN' });
    }
    await job(failing).run({ delivery_id: id }, SIGNAL);
    expect(await state(id)).toMatchObject({ status: 'failed', attempts: MAX_ATTEMPTS });
  });

  it('does not mark as sent what another worker has taken over', async () => {
    const id = await queue();
    const capture = new CaptureMailTransport(captured(), FROM);
    const slow = {
      send: async (...args: Parameters<MailTransport['send']>) => {
        await aMinutePasses();
        await job(capture).run({ delivery_id: id }, SIGNAL);
        return capture.send(args[0]);
      },
    } as MailTransport;
    await job(slow).run({ delivery_id: id }, SIGNAL);
    expect(await state(id)).toMatchObject({ status: 'sent', attempts: 2 });
    expect(await count(`notification.captured_mails WHERE id = '${id}'`)).toBe(1);
  });

  it('keeps the newest captured mails alone', async () => {
    await db.query('DELETE FROM notification.captured_mails');
    const ids = Array.from({ length: KEPT_MAILS + 5 }, () => uuidv7());
    const kept = { sender: 's', recipient: 'r', subject: '', html: '', plain: '', headers: {} };
    await db.transaction(async (tx) => {
      for (const id of ids) await captured().insert(tx, { id, ...kept });
    });
    expect((await captured().list()).map(({ id }) => id)).toEqual(ids.slice(5).toReversed());
    expect(await count('notification.captured_mails')).toBe(KEPT_MAILS);
  });

  it('loses and doubles nothing when its process is killed, wherever that hits', async () => {
    const people = 60;
    await db.query('DELETE FROM notification.captured_mails');
    await db.transaction(async (tx) => {
      for (let i = 0; i < people; i++) {
        const userId = uuidv7();
        const data = {
          user_id: userId,
          email: `p${i}@kill.example`,
          name: 'P',
          role: 'user' as const,
          email_verified: false,
        };
        const aggregate = { type: 'account', id: userId, version: 1 };
        await platform.messaging.publish(tx, testContext(), accountRegistered, { aggregate, data });
      }
    });
    const sent = () => count('notification.captured_mails');
    // One that dies while it certainly holds a mail, one that dies wherever it is, and what finishes: this process.
    const first = worker(platform.url, 5);
    stops.push(() => first.kill());
    await first.line('hangs');
    await first.kill();
    expect(await count(`notification.deliveries WHERE status = 'sending'`)).toBeGreaterThan(0);
    await aMinutePasses();
    const next = worker(platform.url);
    stops.push(() => next.kill());
    await until(async () => (await sent()) >= people / 3, 'a third of the mails');
    await next.kill();
    expect(await sent()).toBeLessThan(people);
    await aMinutePasses();
    const messaging = await Messaging.open(platform.databases.get(BUS_SCHEMA), () => undefined);
    stops.unshift(() => messaging.close(1000));
    const inbox = new InboxService(db, new InboxRepository(db), new LocalInboxFeed(), new ResponseCache());
    const welcome = new WelcomeHandler(inbox, new MailOutbox(deliveries, messaging), PLATFORM);
    await messaging.subscribe('notification', accountRegistered, welcome, db);
    await messaging.consume(deliverMail, job(new CaptureMailTransport(captured(), FROM)), 4);
    await until(async () => (await sent()) >= people, 'all mails');
    await until(
      async () => (await count(`bus.job WHERE name LIKE '%notification%' AND state <> 'completed'`)) === 0,
      'all jobs',
    );
    const recipients = await db.query<{ recipient: string }>(
      'SELECT recipient FROM notification.captured_mails ORDER BY seq',
    );
    expect(recipients).toHaveLength(people);
    expect(new Set(recipients.map(({ recipient }) => recipient)).size).toBe(people);
    expect(await count(`notification.deliveries WHERE recipient LIKE '%@kill.example' AND status = 'sent'`)).toBe(
      people,
    );
    expect(await count(`notification.notifications WHERE category = 'account'`)).toBe(people);
  });
});
