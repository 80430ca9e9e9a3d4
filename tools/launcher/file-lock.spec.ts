import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileLock, identityOf, isAlive, type LockRecord, tryLock } from './file-lock.mjs';

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nexus-lock-'));
  path = join(folder, 'a.lock');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function take(options?: { childrenHold?: boolean }): Promise<FileLock> {
  const result = await tryLock(path, options);
  if (!('lock' in result)) throw new Error(`held by ${result.holder.pid}`);
  return result.lock;
}

async function deadProcess(): Promise<ReturnType<typeof identityOf>> {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  await once(child, 'spawn');
  const identity = identityOf(child.pid);
  child.kill('SIGKILL');
  await once(child, 'exit');
  return identity;
}

const record = (identity: object): string => JSON.stringify({ ...identity, nonce: 'of-another' } as LockRecord);

describe('identityOf', () => {
  it('tells a process from a later one with its number', () => {
    const identity = identityOf();
    expect(isAlive(identity)).toBe(true);
    expect(isAlive({ ...identity, started: '1' })).toBe(false);
    expect(isAlive({ ...identity, boot: 'another-boot' })).toBe(false);
  });

  it('knows that a process has ended', async () => {
    expect(isAlive(await deadProcess())).toBe(false);
    expect(isAlive({ pid: -1, started: null, boot: null })).toBe(false);
  });
});

describe('tryLock', () => {
  it('names the holder to whoever comes second', async () => {
    const lock = await take();
    const second = await tryLock(path);
    expect(second).toEqual({ holder: expect.objectContaining({ pid: process.pid }) });
    lock.release();
    (await take()).release();
    expect(existsSync(path)).toBe(false);
  });

  it('takes over from a dead holder and hands on what it had written', async () => {
    const dead = await deadProcess();
    writeFileSync(path, JSON.stringify({ ...dead, nonce: 'n', children: [identityOf()] }));
    const lock = await take();
    expect(lock.previous).toMatchObject({ pid: dead.pid, children: [{ pid: process.pid }] });
  });

  it('takes over when the number belongs to another process now', async () => {
    writeFileSync(path, record({ ...identityOf(), started: '1' }));
    expect((await take()).previous?.pid).toBe(process.pid);
  });

  it('waits for a holder that has not written its name yet, but not for ever', async () => {
    writeFileSync(path, '');
    const longAgo = new Date(Date.now() - 10_000);
    utimesSync(path, longAgo, longAgo);
    (await take()).release();
    expect(existsSync(path)).toBe(false);
  });

  it('counts as held while a child lives, where the caller says so', async () => {
    writeFileSync(path, record({ ...(await deadProcess()), children: [identityOf()] }));
    expect(await tryLock(path, { childrenHold: true })).toHaveProperty('holder');
    (await take()).release();
  });

  it('gives a stale lock to exactly one of many that come at once', async () => {
    writeFileSync(path, record(await deadProcess()));
    const script = `
      const { tryLock } = await import(${JSON.stringify(new URL('./file-lock.mjs', import.meta.url).href)});
      await new Promise((go) => process.stdin.once('data', go));
      const result = await tryLock(process.argv[1]);
      console.log('lock' in result ? 'won' : 'lost');
      process.stdin.once('end', () => process.exit());
    `;
    const children: ChildProcess[] = Array.from({ length: 8 }, () =>
      spawn(process.execPath, ['--input-type=module', '-e', script, path], { stdio: ['pipe', 'pipe', 'inherit'] }),
    );
    const answers = Promise.all(children.map(async (child) => String((await once(child.stdout!, 'data'))[0]).trim()));
    for (const child of children) child.stdin!.write('go\n');
    const seen = await answers;
    for (const child of children) child.stdin!.end();
    await Promise.all(children.map((child) => once(child, 'exit')));
    expect(seen.filter((answer) => answer === 'won')).toHaveLength(1);
    expect(seen).toHaveLength(8);
  }, 60_000);
});

describe('FileLock', () => {
  it('lets others read what it adds', async () => {
    const lock = await take();
    lock.update({ stopping: true });
    expect(await tryLock(path)).toEqual({ holder: expect.objectContaining({ pid: process.pid, stopping: true }) });
  });

  it('does not remove a lock that is no longer its own', async () => {
    const lock = await take();
    const others = record(identityOf(process.ppid));
    writeFileSync(path, others);
    lock.release();
    expect(readFileSync(path, 'utf8')).toBe(others);
  });
});
