import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import pg from 'pg';
import { canEnter } from '../postgres/account.ts';
import { memoryFolder } from '../postgres/memory-folder.ts';
import { signalAll, until } from '../postgres/processes.ts';
import { freePort } from '../test/free-ports.ts';
import { CHECKOUT } from './app-process.ts';
import { identityOf, isAlive } from './file-lock.mjs';
import { LauncherRun, PATIENCE_MS, type RunOptions } from './testing/launcher-run.ts';

jest.setTimeout(2 * PATIENCE_MS);

const NOBODY = { uid: 65_534, gid: 65_534, name: 'nobody' };
/** As an ordinary user every other test is this one; and a checkout closed to others cannot be started by them. */
const canBecomeNobody = process.getuid?.() === 0 && canEnter(NOBODY, CHECKOUT);

let folder: string;
let dataDir: string;
const runs: LauncherRun[] = [];

async function running(options: RunOptions = {}): Promise<LauncherRun> {
  const run = await started(options);
  await run.banner();
  return run;
}

async function started(options: RunOptions = {}): Promise<LauncherRun> {
  const run = await LauncherRun.start(dataDir, options);
  runs.push(run);
  return run;
}

beforeAll(() => {
  folder = mkdtempSync(join(memoryFolder(), 'nexus-launcher-'));
  chmodSync(folder, 0o755);
  dataDir = join(folder, 'data');
});

afterEach(async () => {
  for (const run of runs.splice(0)) {
    run.child.kill('SIGINT');
    await run.exited();
  }
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Sentences end in a full stop, stand on one line and carry no stack. */
function expectSentence(text: string, content: RegExp): void {
  expect(text).toMatch(/^[^\n]+\.\n$/);
  expect(text).toMatch(content);
}

describe('a first start and the ones after it', () => {
  it('shows what a person needs, runs the application with it, and stops within 10 s', async () => {
    const run = await running();
    const password = run.row('Password')?.split(' ')[0] ?? '';
    expect(run.row('API')).toBe(`http://127.0.0.1:${run.port}`);
    expect(run.row('Docs')).toBe(`http://127.0.0.1:${run.port}/docs`);
    expect(run.row('Mail')).toBe(`http://127.0.0.1:${run.port}/dev/mail`);
    expect(run.row('Admin')).toBe('admin@nexus.local');
    expect(run.row('Data')).toBe(dataDir);
    expect(run.row('Log')).toBe(join(dataDir, 'logs', 'nexus.log'));
    expect(password).toMatch(/^[a-zA-Z2-9]{20,}$/);

    const seen = await run.ask();
    expect(seen.admin).toEqual({ email: 'admin@nexus.local', password });
    expect(seen.args).toEqual(['--target=all']);
    expect(seen.umask).toBe(0o077);
    expect(seen.env).toMatchObject({
      NEXUS_ENV: 'development',
      NEXUS_DATA_DIR: dataDir,
      AUTH_SECRET_FILE: join(dataDir, 'secrets', 'auth-secret'),
    });
    expect(Buffer.from(readFileSync(seen.env.AUTH_SECRET_FILE ?? '', 'utf8').trim(), 'base64url')).toHaveLength(32);
    expect(statSync(join(dataDir, 'secrets')).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(join(dataDir, 'secrets'))) {
      expect(statSync(join(dataDir, 'secrets', name)).mode & 0o777).toBe(0o600);
      expect(readFileSync(join(dataDir, 'secrets', name), 'utf8')).not.toContain(password);
    }
    // No escape codes for something that is no terminal.
    expect(run.out).not.toContain('\u001b');
    expect(run.err).toBe('');

    expect(await run.stop()).toBeLessThan(10_000);
    expect(await run.exited()).toEqual({ code: 0, signal: null });
    expect(run.database()).toEqual([]);
    expect(existsSync(join(dataDir, 'launcher.lock'))).toBe(false);
    expect(readFileSync(join(dataDir, 'logs', 'nexus.log'), 'utf8')).toMatch(/"ready".*"stopping"/s);
  });

  it('keeps the data, does not show the password again, and refuses a second start on the same data', async () => {
    const first = await running();
    expect((await first.ask()).starts).toBe(2);
    expect(first.row('Password')).toBeUndefined();
    expect(first.row('Admin')).toBe('admin@nexus.local');
    const second = await started();
    expect((await second.exited()).code).toBe(1);
    expectSentence(second.err, new RegExp(`already runs on ${dataDir} \\(process ${first.child.pid}\\)`));
    expect((await first.ask()).pid).toBeGreaterThan(0);
  });

  it('names the variable when a port is in use, before anything is started', async () => {
    const server = createServer();
    const port = await freePort();
    await new Promise<void>((listening) => server.listen(port, '127.0.0.1', listening));
    const run = await started({ port });
    expect((await run.exited()).code).toBe(1);
    expectSentence(run.err, new RegExp(`Port ${port} .*is in use.* PORT `));
    expect(run.database()).toEqual([]);
    await new Promise((closed) => server.close(closed));
  });

  it.each([
    [{ PORT: 'http' }, /^PORT must be a port from 0 to 65535, not "http"/],
    [{ DATABASE_URL_FILE: '/nowhere/at/all' }, /^DATABASE_URL_FILE names \/nowhere\/at\/all, which cannot be read/],
    [{ HOST: 'no.such.host.invalid' }, /^HOST is no\.such\.host\.invalid, which this machine cannot listen on/],
    [{ NEXUS_DATA_DIR: '/dev/null/data' }, /^\/dev\/null\/data cannot be used as a folder/],
  ])('explains a wrong variable: %j', async (env, sentence) => {
    const run = await started({ env: env as unknown as Record<string, string> });
    expect((await run.exited()).code).toBe(1);
    expectSentence(run.err, sentence);
  });

  it("passes on the application's own sentence, with the database stopped", async () => {
    const run = await started({ env: { FAKE_APP: 'sentence' } });
    expect((await run.exited()).code).toBe(1);
    expect(run.err).toBe('The configuration is not usable: PUBLIC_URL: must be a URL.\n');
    expect(run.database()).toEqual([]);
  });

  it('makes one sentence of a defect and puts the rest into the log', async () => {
    const run = await started({ env: { FAKE_APP: 'stack' } });
    expect((await run.exited()).code).toBe(1);
    expectSentence(run.err, /ended while it was starting \(code 1\); its log is .*nexus\.log/);
    expect(readFileSync(join(dataDir, 'logs', 'nexus.log'), 'utf8')).toContain('Error: a defect');
  });
});

describe('something dies', () => {
  it('says so when the application ends, and stops the database', async () => {
    const run = await running();
    await run.ask('/die').catch(() => undefined);
    expect((await run.exited()).code).toBe(1);
    expectSentence(run.err, /ended unexpectedly \(code 3\); its log is .*nexus\.log/);
    expect(run.database()).toEqual([]);
  });

  it('says so when the database ends, and stops the application', async () => {
    const run = await running();
    const { pid } = await run.ask();
    const application = identityOf(pid);
    signalAll([Number.parseInt(readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8'), 10)], 'SIGKILL');
    expect((await run.exited()).code).toBe(1);
    expectSentence(run.err, /PostgreSQL stopped unexpectedly/);
    expect(isAlive(application)).toBe(false);
  });

  it('leaves nothing behind when the launcher is killed, and loses nothing', async () => {
    const run = await running();
    const before = await run.ask();
    const application = identityOf(before.pid);
    run.child.kill('SIGKILL');
    expect(await run.databaseGone()).toBe(true);
    expect(isAlive(application)).toBe(false);

    const next = await running({ port: run.port });
    expect((await next.ask()).starts).toBe(before.starts + 1);
  });

  it('starts at once after a kill, on the same ports', async () => {
    const run = await running();
    const before = await run.ask();
    run.child.kill('SIGKILL');
    const next = await running({ port: run.port });
    expect((await next.ask()).starts).toBe(before.starts + 1);
    expect((await next.ask()).admin).toEqual(before.admin);
  });

  it('recovers when everything is killed at the same moment', async () => {
    const run = await running();
    const before = await run.ask();
    const watchers = childrenOf(run.child.pid ?? 0);
    signalAll([run.child.pid ?? 0, ...watchers, ...run.database()], 'SIGKILL');
    const next = await running();
    expect((await next.ask()).starts).toBe(before.starts + 1);
  });

  it('stops a database that a killed launcher left running', async () => {
    const run = await running();
    const before = await run.ask();
    const database = new Set(run.database());
    const watchers = childrenOf(run.child.pid ?? 0).filter((pid) => pid !== before.pid && !database.has(pid));
    expect(watchers).toHaveLength(1);
    signalAll([...watchers, run.child.pid ?? 0], 'SIGKILL');
    await run.exited();
    expect(run.database().length).toBeGreaterThan(0);
    const next = await running();
    expect((await next.ask()).starts).toBe(before.starts + 1);
    expect(next.database().some((pid) => database.has(pid))).toBe(false);
  });

  it('stops at once when asked twice, and never leaves the database running', async () => {
    const run = await running({ env: { FAKE_APP: 'hang-at-stop' } });
    run.child.kill('SIGINT');
    expect(await until(() => run.lock()?.stopping === true, PATIENCE_MS)).toBe(true);
    expect(await run.stop()).toBeLessThan(8000);
    expect(run.database()).toEqual([]);
  });
});

describe('a first start that is interrupted', () => {
  beforeEach(() => rmSync(dataDir, { recursive: true, force: true }));

  it.each(['SIGKILL', 'SIGINT'] as const)('begins anew after %s while the database is made', async (signal) => {
    const run = await started();
    expect(await until(() => staging().length > 0, PATIENCE_MS)).toBe(true);
    run.child.kill(signal);
    await run.exited();
    const next = await running();
    expect((await next.ask()).starts).toBe(1);
    expect(next.row('Password')).toBeDefined();
    expect(staging()).toEqual([]);
  });

  it('still shows the password that the administrator got before the interruption', async () => {
    const run = await started({ env: { FAKE_APP: 'hang-before-ready' } });
    expect(await until(() => existsSync(join(dataDir, 'postgres', 'postmaster.pid')), PATIENCE_MS)).toBe(true);
    expect(await until(() => (run.lock()?.children ?? []).length > 0, PATIENCE_MS)).toBe(true);
    const pending = readFileSync(join(dataDir, 'secrets', 'admin-password'), 'utf8').trim();
    run.child.kill('SIGKILL');
    await run.exited();
    const next = await running();
    expect(next.row('Password')).toContain(pending);
    expect((await next.ask()).admin.password).toBe(pending);
    // It goes once the banner has been written.
    expect(await until(() => !existsSync(join(dataDir, 'secrets', 'admin-password')), PATIENCE_MS)).toBe(true);
  });
});

describe('settings of the person', () => {
  it('uses a database of theirs and starts none', async () => {
    const admin = new pg.Client(process.env.NEXUS_TEST_DATABASE_URL);
    await admin.connect();
    await admin.query('DROP DATABASE IF EXISTS launcher_spec');
    await admin.query('CREATE DATABASE launcher_spec');
    await admin.end();
    const url = new URL(process.env.NEXUS_TEST_DATABASE_URL ?? '');
    url.pathname = '/launcher_spec';
    rmSync(dataDir, { recursive: true, force: true });
    const run = await running({
      env: { DATABASE_URL: `${url}`, ADMIN_PASSWORD: 'chosen by hand', ADMIN_EMAIL: 'me@example.org' },
    });
    expect((await run.ask()).admin).toEqual({ email: 'me@example.org', password: 'chosen by hand' });
    expect(run.row('Database')).toBe(`${url.host}/launcher_spec`);
    expect(run.row('Password')).toBeUndefined();
    expect(existsSync(join(dataDir, 'postgres'))).toBe(false);
    expect(run.out).not.toContain(url.password);
  });
});

(canBecomeNobody ? describe : () => undefined)('as an ordinary user, by root', () => {
  it('runs everything as that user', async () => {
    const home = join(folder, 'home');
    dataDir = join(home, 'data');
    mkdirSync(home);
    chownSync(home, NOBODY.uid, NOBODY.gid);
    const run = await running({ account: { uid: NOBODY.uid, gid: NOBODY.gid } });
    expect((await run.ask()).starts).toBe(1);
    expect(statSync(join(dataDir, 'postgres')).uid).toBe(NOBODY.uid);
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
  });
});

function staging(): string[] {
  return existsSync(dataDir) ? readdirSync(dataDir).filter((name) => name.startsWith('postgres.init-')) : [];
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
}
