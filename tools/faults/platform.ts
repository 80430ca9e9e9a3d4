import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { identityOf, isAlive } from '../launcher/file-lock.mjs';
import { ensureLocalCa } from '../local-ca/local-ca.ts';
import { freePorts, freeRange } from '../test/free-ports.ts';
import { Link } from './link.ts';
import type { Part } from './part.ts';
import { PostgresPart } from './postgres-part.ts';
import { RedisPart } from './redis-part.ts';
import { ServicePart } from './service-part.ts';
import { SmallDisk, unmount } from './small-disk.ts';

/** `all`: one process; `split`: six. */
export type Shape = 'all' | 'split';

const SERVICES = ['auth', 'user', 'project', 'file', 'notification'] as const;
/** The process of the shape `all`. */
export const WHOLE = 'platform';
export const PARTS: Readonly<Record<Shape, readonly string[]>> = {
  all: [WHOLE, 'postgres', 'redis'],
  split: ['gateway', ...SERVICES, 'postgres', 'redis'],
};

/** What is not under test must not be in the way: limits, slow password hashes, waits for balancers that are not there. */
const SETTINGS = {
  NEXUS_ENV: 'development',
  HOST: '127.0.0.1',
  PUBLIC_URL: 'http://localhost:8080',
  AUTH_SECRET: 'a secret of fault runs only, long enough',
  LOG_LEVEL: 'warn',
  LOG_REQUESTS: 'none',
  DATABASE_POOL_SIZE: '8',
  ARGON2_MEMORY_KIB: '1024',
  ARGON2_TIME: '1',
  SHUTDOWN_DRAIN_MS: '0',
  SHUTDOWN_IDLE_MS: '0',
  RATE_LIMIT_ANONYMOUS: '1000000',
  RATE_LIMIT_USER: '1000000',
  RATE_LIMIT_ADDRESS: '1000000',
  RATE_LIMIT_SIGN_IN: '1000000',
};
const DATABASE_MIB = 768;
const OBJECTS_MIB = 128;
const MIGRATION_MS = 120_000;
const FOLDER = /^nexus-faults-(\d+)-(\d*)-/;

export interface PlatformOptions {
  readonly root: string;
  readonly shape: Shape;
  /** The `redis-server` to use; without one the platform runs without. */
  readonly redis: string | undefined;
}

/** The built platform with everything that it needs, each part behind a network and on a disk that can fail. */
export class Platform {
  readonly url: string;
  readonly logs: string;
  readonly parts: ReadonlyMap<string, Part>;
  readonly disks: ReadonlyMap<string, SmallDisk>;
  /** Of the processes of the platform, where they are asked for metrics. */
  readonly managementUrls: ReadonlyMap<string, string>;
  readonly #folder: string;

  private constructor(
    folder: string,
    url: string,
    parts: readonly Part[],
    disks: ReadonlyMap<string, SmallDisk>,
    managementUrls: ReadonlyMap<string, string>,
  ) {
    this.#folder = folder;
    this.managementUrls = managementUrls;
    this.url = url;
    this.logs = path.join(folder, 'logs');
    this.parts = new Map(parts.map((part) => [part.name, part]));
    this.disks = disks;
  }

  /** @throws Error when a part cannot be started; nothing is left behind */
  static async start(options: PlatformOptions): Promise<Platform> {
    removeLeftovers();
    const folder = mkdtempSync(path.join(tmpdir(), `nexus-faults-${process.pid}-${identityOf().started ?? ''}-`));
    const started: Part[] = [];
    const disks = new Map<string, SmallDisk>();
    try {
      return await Platform.#build(options, folder, started, disks);
    } catch (error) {
      await takeDown(folder, started, disks);
      throw error;
    }
  }

  static async #build(
    { root, shape, redis }: PlatformOptions,
    folder: string,
    started: Part[],
    disks: Map<string, SmallDisk>,
  ): Promise<Platform> {
    const logs = path.join(folder, 'logs');
    mkdirSync(logs);
    // The account of the database, where it is another one, passes through.
    chmodSync(folder, 0o711);
    disks.set('database', new SmallDisk(path.join(folder, 'database'), DATABASE_MIB));
    disks.set('objects', new SmallDisk(path.join(folder, 'objects'), OBJECTS_MIB));
    const begin = async <P extends Part>(part: P): Promise<P> => {
      started.push(part);
      await part.start();
      return part;
    };
    const names = PARTS[shape];
    const ports = await freePorts(2 * names.length);
    const managementPort = await freeRange(names.length);
    const links = new Map(names.map((name, i) => [name, new Link(ports[2 * i] as number)]));
    const link = (name: string): Link => links.get(name) as Link;
    const own = (name: string): number => ports[2 * names.indexOf(name) + 1] as number;

    const postgres = await begin(
      new PostgresPart('postgres', link('postgres'), {
        root,
        dataDir: path.join(folder, 'database'),
        port: own('postgres'),
        log: path.join(logs, 'postgres.log'),
      }),
    );
    if (redis) await begin(new RedisPart('redis', link('redis'), redis));
    const settings: Record<string, string> = {
      ...SETTINGS,
      DATABASE_URL: postgres.url,
      NEXUS_DATA_DIR: path.join(folder, 'objects'),
      ...(redis ? { REDIS_URL: `redis://127.0.0.1:${link('redis').port}` } : {}),
    };
    const service = (name: string, target: string, env: Readonly<Record<string, string>>): ServicePart =>
      new ServicePart(name, link(name), {
        root,
        target,
        port: own(name),
        log: path.join(logs, `${name}.log`),
        env: { ...settings, MANAGEMENT_PORT: String(managementPort + names.indexOf(name)), ...env },
      });
    if (shape === 'all') {
      await begin(service(WHOLE, 'all', { PORT: String(own(WHOLE)) }));
    } else {
      await migrate(root, settings);
      const urls = Object.fromEntries(
        SERVICES.map((name) => [`NEXUS_${name.toUpperCase()}_URL`, `https://127.0.0.1:${link(name).port}`]),
      );
      const identities = await ensureLocalCa(path.join(folder, 'tls'), ['gateway', ...SERVICES]);
      await Promise.all(
        identities.map(({ service: name, env }) => {
          const port = name === 'gateway' ? 'PORT' : `NEXUS_${name.toUpperCase()}_PORT`;
          return begin(service(name, name, { ...urls, ...env, [port]: String(own(name)) }));
        }),
      );
    }
    const edge = shape === 'all' ? WHOLE : 'gateway';
    const urls = names
      .filter((name) => name !== 'postgres' && name !== 'redis')
      .map((name): [string, string] => [name, `http://127.0.0.1:${managementPort + names.indexOf(name)}`]);
    return new Platform(folder, `http://127.0.0.1:${link(edge).port}`, started, disks, new Map(urls));
  }

  part(name: string): Part {
    const part = this.parts.get(name);
    if (!part) throw new Error(`There is no ${name} here`);
    return part;
  }

  disk(name: string): SmallDisk {
    const disk = this.disks.get(name);
    if (!disk) throw new Error(`There is no disk for ${name}`);
    return disk;
  }

  /** @param keepLogs for somebody who wants to know what happened */
  async stop(keepLogs = false): Promise<void> {
    await takeDown(this.#folder, [...this.parts.values()], this.disks, keepLogs);
  }
}

/** Last what the others need. */
async function takeDown(
  folder: string,
  parts: readonly Part[],
  disks: ReadonlyMap<string, SmallDisk>,
  keepLogs = false,
): Promise<void> {
  for (const disk of disks.values()) disk.free();
  const needed = parts.filter(({ name }) => ['postgres', 'redis'].includes(name));
  await Promise.all(parts.filter((part) => !needed.includes(part)).map((part) => part.stop()));
  await Promise.all(needed.map((part) => part.stop()));
  for (const disk of disks.values()) disk.remove();
  for (const name of readdirSync(folder)) {
    if (!keepLogs || name !== 'logs') rmSync(path.join(folder, name), { recursive: true, force: true });
  }
  if (!keepLogs) rmSync(folder, { recursive: true, force: true });
}

/** What a run that was killed left behind: its processes have ended with it, its disks have not. */
function removeLeftovers(): void {
  for (const name of readdirSync(tmpdir())) {
    const [, pid, started] = FOLDER.exec(name) ?? [];
    if (!pid || isAlive({ pid: Number(pid), started: started || null, boot: null })) continue;
    const folder = path.join(tmpdir(), name);
    if (readdirSync(folder).join() === 'logs') continue;
    for (const disk of ['database', 'objects']) unmount(path.join(folder, disk));
    rmSync(folder, { recursive: true, force: true });
  }
}

async function migrate(root: string, settings: Readonly<Record<string, string>>): Promise<void> {
  const args = [path.join(root, 'dist/apps/main.js'), '--target=all', '--migrate'];
  await promisify(execFile)(process.execPath, args, {
    env: { PATH: process.env.PATH ?? '', ...settings },
    timeout: MIGRATION_MS,
  });
}
