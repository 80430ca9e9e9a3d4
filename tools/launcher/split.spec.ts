import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../postgres/processes.ts';
import { freePort, freeRange } from '../test/free-ports.ts';
import { LauncherRun, PATIENCE_MS, type RunOptions } from './testing/launcher-run.ts';

const SERVICES = ['auth', 'user', 'project', 'file', 'notification'];
const ALL = ['gateway', ...SERVICES];

interface Event {
  readonly target: string;
  readonly event: 'start' | 'migrated' | 'stop';
  readonly pid: number;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

let dataDir: string;
let ports: Record<string, number>;
let run: LauncherRun | undefined;

const portName = (service: string) => `NEXUS_${service.toUpperCase()}_PORT`;

beforeEach(async () => {
  dataDir = join(mkdtempSync(join(tmpdir(), 'nexus-split-')), 'data');
  ports = Object.fromEntries(await Promise.all(ALL.map(async (name) => [name, await freePort()])));
});
afterEach(async () => {
  run?.child.kill('SIGKILL');
  await until(() => alive().length === 0, PATIENCE_MS);
  rmSync(dataDir, { recursive: true, force: true });
});

async function start(env: Record<string, string> = {}): Promise<LauncherRun> {
  const options: RunOptions = {
    port: ports.gateway ?? 0,
    managementPort: await freeRange(6),
    script: 'start-fake-split.ts',
    env: {
      DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
      ...Object.fromEntries(SERVICES.map((name) => [portName(name), `${ports[name]}`])),
      ...env,
    },
  };
  run = await LauncherRun.start(dataDir, options);
  return run;
}

function events(): Event[] {
  const file = join(dataDir, 'events.jsonl');
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as Event);
}

/** Processes that were started and still run. */
function alive(): number[] {
  return events()
    .flatMap(({ event, pid }) => (event === 'start' ? [pid] : []))
    .filter((pid) => {
      try {
        process.kill(pid, 0);
        return true;
      } catch {
        return false;
      }
    });
}

const ask = async (service: string) => (await fetch(`http://127.0.0.1:${ports[service]}/`)).text();

describe('six processes', () => {
  it('start after the migration, each with its identity, its ports and where the others are', async () => {
    const launched = await start();
    await launched.banner();
    expect(launched.row('API')).toBe(`http://127.0.0.1:${ports.gateway}`);
    expect(launched.row('Admin')).toBe('admin@nexus.local');
    expect(launched.row('Password')).toMatch(/shown only now/);
    expect(await Promise.all(ALL.map(ask))).toEqual(ALL);

    const seen = events();
    expect(seen[0]).toMatchObject({ event: 'start', args: ['--target=all', '--migrate'] });
    expect(seen[1]).toMatchObject({ event: 'migrated' });
    const started = seen.slice(2);
    expect(started.map(({ target }) => target).sort()).toEqual([...ALL].sort());
    for (const { target, env } of started) {
      expect(env.TLS_CERT_FILE).toBe(join(dataDir, 'tls', target, 'cert.pem'));
      expect(readFileSync(env.TLS_KEY_FILE ?? '', 'utf8')).toContain('PRIVATE KEY');
      for (const service of SERVICES)
        expect(env[`NEXUS_${service.toUpperCase()}_URL`]).toBe(`https://localhost:${ports[service]}`);
      expect(env[portName(target)]).toBe(target === 'gateway' ? undefined : `${ports[target]}`);
    }
    const managed = started.map(({ env }) => Number(env.MANAGEMENT_PORT));
    expect(Math.max(...managed) - Math.min(...managed)).toBe(5);
    expect(new Set(managed).size).toBe(6);

    expect(await launched.stop()).toBeLessThan(10_000);
    expect((await launched.exited()).code).toBe(0);
    const stopped = events().flatMap(({ event, target }) => (event === 'stop' ? [target] : []));
    expect(stopped[0]).toBe('gateway');
    expect(stopped.sort()).toEqual([...ALL].sort());
    expect(alive()).toEqual([]);
  });

  it('end all when one cannot start, with its sentence', async () => {
    const launched = await start({ FAKE_SERVICE: 'file:sentence' });
    expect((await launched.exited()).code).toBe(1);
    expect(launched.err.trim()).toBe('The TLS identity cannot be used: the private key cannot be read.');
    expect(alive()).toEqual([]);
  });

  it('are not started when the migration fails', async () => {
    const launched = await start({ FAKE_SERVICE: 'migration' });
    expect((await launched.exited()).code).toBe(1);
    expect(launched.err.trim()).toBe('The disk of the database is full.');
    expect(events()).toHaveLength(1);
  });

  it('end all when one ends by itself, and say so', async () => {
    const launched = await start();
    await launched.banner();
    await fetch(`http://127.0.0.1:${ports.project}/die`).catch(() => undefined);
    expect((await launched.exited()).code).toBe(1);
    expect(launched.err).toMatch(/ended unexpectedly \(code 3\); its log is .*nexus\.log/);
    expect(alive()).toEqual([]);
  });

  it('end when the launcher is killed', async () => {
    const launched = await start();
    await launched.banner();
    launched.child.kill('SIGKILL');
    expect(await until(() => alive().length === 0, PATIENCE_MS)).toBe(true);
  });

  it('are not started when a port of one is in use, and the variable is named', async () => {
    const taken = createServer().listen(ports.file, '127.0.0.1');
    await once(taken, 'listening');
    try {
      const launched = await start();
      expect((await launched.exited()).code).toBe(1);
      expect(launched.err).toContain(`Port ${ports.file} on 127.0.0.1 is in use`);
      expect(launched.err).toContain('NEXUS_FILE_PORT');
      expect(events()).toEqual([]);
    } finally {
      taken.close();
    }
  });
});
