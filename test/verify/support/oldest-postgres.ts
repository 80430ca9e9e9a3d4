import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { freePort } from '../../../tools/test/free-ports.js';
import { aptInstall } from '../../../tools/verify/programs.js';
import { until } from './conditions.js';

const BIN = '/usr/lib/postgresql/15/bin';
/** PostgreSQL does not run as root: as nobody, whose number this is on every Linux. */
const NOBODY = 65_534;

/** The programs of PostgreSQL 15; on Debian 12 they are installed when that is allowed (root). */
export function hasOldestPostgres(): boolean {
  const isThere = () => existsSync(join(BIN, 'postgres'));
  return isThere() || (aptInstall('postgresql-15') && isThere());
}

/** A server of the oldest version that the platform runs on. */
export class OldestPostgres {
  private constructor(
    readonly url: string,
    private readonly child: ChildProcess,
    private readonly folder: string,
  ) {}

  static async start(): Promise<OldestPostgres> {
    const folder = mkdtempSync(join(tmpdir(), 'nexus-postgres-15-'));
    const isRoot = process.getuid?.() === 0;
    const account = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
    if (isRoot) chownSync(folder, NOBODY, NOBODY);
    chmodSync(folder, 0o700);
    const env = { PATH: '/usr/bin:/bin', LC_ALL: 'C' };
    const init = ['--pgdata', folder, '--username', 'nexus', '--auth', 'trust', '--no-sync', '--encoding', 'UTF8'];
    execFileSync(join(BIN, 'initdb'), init, { ...account, env, cwd: folder, stdio: 'ignore' });
    const port = await freePort();
    const settings = { port, listen_addresses: '127.0.0.1', unix_socket_directories: '', fsync: 'off' };
    const child = spawn(
      join(BIN, 'postgres'),
      ['-D', folder, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
      { ...account, env, cwd: folder, stdio: 'ignore' },
    );
    const server = new OldestPostgres(`postgres://nexus@127.0.0.1:${port}/postgres`, child, folder);
    try {
      await until(() => server.answers(), 'PostgreSQL 15 answers');
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  private async answers(): Promise<boolean> {
    const client = new pg.Client({ connectionString: this.url });
    try {
      await client.connect();
      return true;
    } catch {
      return false;
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  async stop(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const gone = once(this.child, 'exit');
      this.child.kill('SIGINT');
      await gone;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}
