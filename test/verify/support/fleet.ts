import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { freePorts } from '../../../tools/test/free-ports.js';
import { sql } from '../../support/sql.js';
import { PATIENCE_MS } from './conditions.js';
import { Instance, runPlatform } from './instance.js';

const localCa = resolve(import.meta.dirname, '../../../tools/local-ca/main.ts');
const SERVICES = ['auth', 'user', 'project', 'file', 'notification'] as const;
type Service = (typeof SERVICES)[number];

/** What no spec about processes wants in its way: limits, slow password hashes, a log of every request. */
const SETTINGS = {
  PUBLIC_URL: 'http://localhost:8080',
  AUTH_SECRET: 'a secret of these tests only, long enough',
  LOG_LEVEL: 'warn',
  LOG_REQUESTS: 'none',
  DATABASE_POOL_SIZE: '4',
  ARGON2_MEMORY_KIB: '8',
  ARGON2_TIME: '1',
  RATE_LIMIT_ANONYMOUS: '1000000',
  RATE_LIMIT_USER: '1000000',
  RATE_LIMIT_ADDRESS: '1000000',
  RATE_LIMIT_SIGN_IN: '1000000',
};

/** The command with which an operator makes and replaces certificates. @throws Error when it fails */
async function authority(folder: string, ...args: string[]): Promise<void> {
  await promisify(execFile)(process.execPath, [localCa, folder, ...args], { timeout: PATIENCE_MS });
}

/** Name of a process's certificate folder. */
const identityOf = (targets: string) => targets.replaceAll(',', '+');

/** One process of a fleet. */
export interface ProcessPlan {
  /** `auth,user`. */
  readonly targets: string;
  /** By service, the processes that it is told of, by their numbers; all that hold the service unless said. */
  readonly sees?: Readonly<Partial<Record<Service, readonly number[]>>>;
  /** What runs its command; nothing unless said. */
  readonly around?: (command: readonly string[]) => readonly string[];
}

export interface FleetOptions {
  /** Each process by its targets: `['gateway', 'auth,user', 'auth,user', …]`. */
  readonly processes: readonly (string | ProcessPlan)[];
  /** Settings of all processes; undefined for what is to be left at its default. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Origins that stand in a service's list beside those of its processes. */
  readonly strayUrls?: Readonly<Partial<Record<Service, string>>>;
}

/** The platform in several processes, with mutual TLS between them and a database of their own. */
export class Fleet {
  private constructor(
    private readonly folder: string,
    private readonly database: string,
    readonly instances: readonly Instance[],
    private readonly common: Readonly<Record<string, string>>,
  ) {}

  /** Makes everything and starts nothing. */
  static async prepare({ processes, env = {}, strayUrls = {} }: FleetOptions): Promise<Fleet> {
    const plans = processes.map((plan) => (typeof plan === 'string' ? { targets: plan } : plan));
    const folder = mkdtempSync(join(tmpdir(), 'nexus-fleet-'));
    const database = `nexus_fleet_${randomBytes(6).toString('hex')}`;
    const url = new URL(process.env.NEXUS_TEST_DATABASE_URL as string);
    url.pathname = `/${database}`;
    const tls = join(folder, 'tls');
    await authority(tls, `--services=${[...new Set(plans.map(({ targets }) => identityOf(targets)))].join(',')}`);
    const ports = await freePorts(plans.length * (2 + SERVICES.length));
    const port = (process: number, what: number) => ports[process * (2 + SERVICES.length) + what] as number;
    const holders = (service: Service) =>
      plans.flatMap(({ targets }, i) => (targets.split(',').includes(service) ? [i] : []));
    const urlOf = (service: Service, { sees }: ProcessPlan) => {
      const urls = (sees?.[service] ?? holders(service)).map(
        (i) => `https://127.0.0.1:${port(i, 2 + SERVICES.indexOf(service))}`,
      );
      return [...urls, ...(strayUrls[service] ? [strayUrls[service]] : [])].join(',');
    };
    const wanted = { ...SETTINGS, DATABASE_URL: url.href, NEXUS_DATA_DIR: join(folder, 'data'), ...env };
    const isSet = (entry: [string, string | undefined]): entry is [string, string] => entry[1] !== undefined;
    const common = Object.fromEntries(Object.entries(wanted).filter(isSet));
    const instances = plans.map((plan, i) => {
      const { targets } = plan;
      const own = Object.fromEntries(
        SERVICES.flatMap((service, n) => [
          [`NEXUS_${service.toUpperCase()}_PORT`, String(port(i, 2 + n))],
          [`NEXUS_${service.toUpperCase()}_URL`, urlOf(service, plan)],
        ]),
      );
      const identity = join(tls, identityOf(targets));
      const settings = {
        ...common,
        ...own,
        PORT: String(port(i, 0)),
        MANAGEMENT_PORT: String(port(i, 1)),
        TLS_CA_FILE: join(tls, 'ca.pem'),
        TLS_CERT_FILE: join(identity, 'cert.pem'),
        TLS_KEY_FILE: join(identity, 'key.pem'),
      };
      return new Instance(targets, settings, port(i, 0), port(i, 1), plan.around);
    });
    const fleet = new Fleet(folder, database, instances, common);
    try {
      await sql(`CREATE DATABASE ${database} TEMPLATE template0`);
      await fleet.migrate();
      return fleet;
    } catch (error) {
      await fleet.close();
      throw error;
    }
  }

  /** Makes everything and starts all. */
  static async start(options: FleetOptions): Promise<Fleet> {
    const fleet = await Fleet.prepare(options);
    try {
      await Promise.all(fleet.instances.map((instance) => instance.start()));
      return fleet;
    } catch (error) {
      await fleet.close();
      throw error;
    }
  }

  /** Brings all schemas up to date. */
  migrate(): Promise<void> {
    return runPlatform(['--target=all', '--migrate'], this.common);
  }

  /** The processes with exactly these targets. */
  of(targets: string): Instance[] {
    return this.instances.filter((instance) => instance.targets === targets);
  }

  /** The only process with these targets. */
  one(targets: string): Instance {
    const [instance, ...more] = this.of(targets);
    if (!instance || more.length > 0) throw new Error(`There is not exactly one ${targets}`);
    return instance;
  }

  /** Where clients reach the first gateway. */
  get url(): string {
    const gateway = this.instances.find(({ targets }) => targets.split(',').includes('gateway'));
    return `http://127.0.0.1:${gateway?.port}`;
  }

  get tlsFolder(): string {
    return join(this.folder, 'tls');
  }

  /** Replaces certificates as an operator does. */
  rotate(what: 'leaf' | 'root'): Promise<void> {
    const services = [...new Set(this.instances.map(({ targets }) => identityOf(targets)))].join(',');
    return authority(this.tlsFolder, ...(what === 'leaf' ? [`--services=${services}`] : []), `--rotate=${what}`);
  }

  async close(): Promise<void> {
    await Promise.all(this.instances.map((instance) => instance.kill()));
    await sql(`DROP DATABASE IF EXISTS ${this.database} WITH (FORCE)`);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
