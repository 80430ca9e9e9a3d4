import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import pg from 'pg';
import { processesIn, until } from './processes.ts';
import { startSharedTestDatabase } from './shared-test-database.ts';

const PATIENCE_MS = 60_000;
jest.setTimeout(2 * PATIENCE_MS);

let parent: string;
beforeEach(() => {
  parent = realpathSync(mkdtempSync(join(tmpdir(), 'nexus-shared-')));
  chmodSync(parent, 0o755);
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

const start = (): ReturnType<typeof startSharedTestDatabase> => startSharedTestDatabase({ env: {}, parent });

async function ask(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client(url);
  await client.connect();
  const { rows } = await client.query(text);
  await client.end();
  return rows;
}

it('serves as a superuser without waiting for the disk, and leaves nothing', async () => {
  const database = await start();
  expect(
    await ask(
      database.url,
      `SELECT usesuper, current_setting('fsync') AS fsync FROM pg_user WHERE usename = current_user`,
    ),
  ).toEqual([{ usesuper: true, fsync: 'off' }]);
  await database.stop();
  expect(readdirSync(parent)).toEqual([]);
  expect(processesIn(parent)).toEqual([]);
});

it('takes a server that is there already, and leaves it alone', async () => {
  const env = { NEXUS_TEST_DATABASE_URL: process.env.NEXUS_TEST_DATABASE_URL ?? '' };
  const database = await startSharedTestDatabase({ env, parent });
  expect(database.url).toBe(env.NEXUS_TEST_DATABASE_URL);
  await database.stop();
  expect(await ask(database.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

it('stops and removes everything when the run is killed', async () => {
  const script = `
    const { startSharedTestDatabase } = await import(${JSON.stringify(join(import.meta.dirname, 'shared-test-database.ts'))});
    await startSharedTestDatabase({ env: {}, parent: process.argv[1] });
    console.log('up');
    setInterval(() => {}, 1000);
  `;
  const run = spawn(process.execPath, ['--input-type=module', '-e', script, parent], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(run.stdout, 'data');
  const before = processesIn(parent).length;
  run.kill('SIGKILL');
  expect(before).toBeGreaterThan(0);
  expect(await until(() => processesIn(parent).length === 0 && readdirSync(parent).length === 0, PATIENCE_MS)).toBe(
    true,
  );
});

it('removes what an earlier run could not', async () => {
  mkdirSync(join(parent, 'nexus-test-4194303-1-abc', 'postgres'), { recursive: true });
  mkdirSync(join(parent, 'something-else'));
  const database = await start();
  expect(readdirSync(parent).filter((name) => !name.startsWith(`nexus-test-${process.pid}-`))).toEqual([
    'something-else',
  ]);
  await database.stop();
  expect(readdirSync(parent)).toEqual(['something-else']);
});
