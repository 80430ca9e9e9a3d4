import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { freePort } from '../../tools/test/free-ports.js';

/** Generous, because a busy machine takes its time; nothing waits for it when all is well. */
const PATIENCE_MS = 90_000;
/**
 * The built platform, killed without warning while it works: what was acknowledged is there afterwards, and what it
 * causes happens once.
 */
const main = resolve(import.meta.dirname, '../../dist/apps/main.js');
const folder = mkdtempSync(join(tmpdir(), 'nexus-kill-'));
const name = `nexus_kill_${randomBytes(6).toString('hex')}`;
const server = process.env.NEXUS_TEST_DATABASE_URL as string;
const database = new URL(server);
database.pathname = `/${name}`;

const sessions = new Map<string, pg.Client>();
let ports: { api: number; management: number };
let app: ChildProcess | undefined;

async function sql<R extends object>(text: string, values: unknown[] = [], url = database.href): Promise<R[]> {
  let client = sessions.get(url);
  if (!client) {
    client = new pg.Client({ connectionString: url });
    sessions.set(url, client);
    await client.connect();
  }
  return (await client.query(text, values)).rows as R[];
}

async function start(): Promise<void> {
  app = spawn(process.execPath, [main, '--target=all'], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      PATH: process.env.PATH,
      ...(process.env.NODE_COMPILE_CACHE ? { NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE } : {}),
      DATABASE_URL: database.href,
      NEXUS_DATA_DIR: folder,
      PORT: String(ports.api),
      MANAGEMENT_PORT: String(ports.management),
      AUTH_SECRET: 'a secret of tests only, long enough',
      RATE_LIMIT_ANONYMOUS: '100000',
      RATE_LIMIT_SIGN_IN: '100000',
      ARGON2_MEMORY_KIB: '1024',
      ARGON2_TIME: '1',
    },
  });
  await until(async () => {
    if (app?.exitCode !== null) throw new Error(`The platform ended while it started, with code ${app?.exitCode}`);
    return (await get('/health/ready').catch(() => undefined))?.status === 200;
  });
}

async function kill(): Promise<void> {
  const gone = once(app as ChildProcess, 'exit');
  app?.kill('SIGKILL');
  await gone;
}

/** As if the 30 s had gone by after which a job that was being done when its process died is given to another worker. */
async function letJobsExpire(): Promise<void> {
  await sql(`UPDATE bus.job SET started_on = started_on - interval '30 seconds' WHERE state = 'active'`);
}

const base = () => `http://127.0.0.1:${ports.api}`;
const get = (path: string) => fetch(base() + path);

async function until(condition: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`Not so within ${PATIENCE_MS} ms`);
    await new Promise((wake) => setTimeout(wake, 50));
  }
}

interface Person {
  readonly id: string;
  readonly email: string;
  readonly token: string;
}

async function register(email: string): Promise<Person> {
  const response = await fetch(`${base()}/api/v1/auth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email, name: 'Somebody', password: 'a long enough pass phrase' }),
  });
  const { data } = (await response.json()) as {
    data: { user: { id: string }; tokens: { access_token: string } };
  };
  return { id: data.user.id, email, token: data.tokens.access_token };
}

beforeAll(async () => {
  ports = { api: await freePort(), management: await freePort() };
  await sql(`CREATE DATABASE ${name} TEMPLATE template0`, [], server);
  await start();
}, 2 * PATIENCE_MS);

afterAll(async () => {
  if (app?.exitCode === null) await kill();
  await sessions.get(database.href)?.end();
  await sql(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`, [], server);
  await sessions.get(server)?.end();
  rmSync(folder, { recursive: true, force: true });
}, PATIENCE_MS);

describe('kill -9', () => {
  test(
    'loses no acknowledged registration, and delivers each welcome once',
    async () => {
      const acknowledged: Person[] = [];
      for (let round = 0; round < 2; round++) {
        const kept = acknowledged.length;
        const work = Array.from({ length: 30 }, async (_, i) => {
          acknowledged.push(await register(`p${round}-${i}-${randomBytes(4).toString('hex')}@example.com`));
        });
        await until(async () => acknowledged.length >= kept + 6 + round * 6);
        await kill();
        await Promise.allSettled(work);
        await letJobsExpire();
        await start();
      }
      expect(acknowledged.length).toBeGreaterThanOrEqual(18);
      const emails = acknowledged.map((person) => person.email);
      const welcomed = async () =>
        (
          await sql<{ n: string }>(
            'SELECT count(DISTINCT recipient) AS n FROM notification.captured_mails WHERE recipient = ANY($1)',
            [emails],
          )
        )[0]?.n;
      await until(async () => Number(await welcomed()) === emails.length);
      const doubled = await sql(
        'SELECT recipient FROM notification.captured_mails GROUP BY recipient HAVING count(*) > 1',
      );
      expect(doubled).toEqual([]);
      for (const person of acknowledged) {
        const headers = { authorization: `Bearer ${person.token}` };
        const me = (await (await fetch(`${base()}/api/v1/users/me`, { headers })).json()) as { data: { id: string } };
        expect(me.data.id).toBe(person.id);
        const inbox = (await (await fetch(`${base()}/api/v1/notifications`, { headers })).json()) as {
          page: { total: number };
        };
        expect(inbox.page.total).toBe(1);
      }
      // A registration that was cut off between its commit and the user service is repaired by its event.
      const unknown = async () =>
        (
          await sql<{ n: string }>(
            'SELECT count(*) AS n FROM auth.accounts a LEFT JOIN "user".profiles p ON p.id = a.id WHERE p.id IS NULL',
          )
        )[0]?.n;
      await until(async () => (await unknown()) === '0');
    },
    6 * PATIENCE_MS,
  );

  test(
    'SIGTERM finishes what runs, and ends with exit code 0',
    async () => {
      const work = Array.from({ length: 10 }, (_, i) =>
        register(`last-${i}-${randomBytes(4).toString('hex')}@example.com`),
      );
      await Promise.race(work);
      const gone = once(app as ChildProcess, 'exit');
      app?.kill('SIGTERM');
      const people = await Promise.allSettled(work);
      expect(await gone).toEqual([0, null]);
      const done = people.filter((person) => person.status === 'fulfilled').map((person) => person.value.email);
      const rows = await sql<{ n: string }>('SELECT count(*) AS n FROM auth.accounts WHERE email = ANY($1)', [done]);
      expect(Number(rows[0]?.n)).toBe(done.length);
    },
    PATIENCE_MS,
  );
});
