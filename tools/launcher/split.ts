import { join } from 'node:path';
import { ensureLocalCa } from '../local-ca/local-ca.ts';
import { until } from '../postgres/processes.ts';
import { type Application, type AppOptions, AppProcess, type Ready } from './app-process.ts';
import type { Settings } from './settings.ts';
import { StartError } from './start-error.mjs';

const MIGRATION_MS = 60_000;
const RENEWAL_MS = 12 * 3_600_000;
/** They stop together, so none waits for clients to go elsewhere. */
const STOP_AT_ONCE = { SHUTDOWN_DRAIN_MS: '0', SHUTDOWN_IDLE_MS: '0' };

/** The gateway keeps nothing, and is given no password for it. */
const WITHOUT_DATABASE = { DATABASE_URL: undefined, DATABASE_URL_FILE: undefined };

export interface SplitOptions extends Omit<AppOptions, 'args'> {
  readonly settings: Settings;
  /** Told whenever a process has been started. */
  readonly onProcess: () => void;
}

/** The platform as six processes with mutual TLS between them, as one thing to start and to stop. */
export class SplitApplication implements Application {
  readonly #options: SplitOptions;
  readonly #processes: AppProcess[] = [];
  #first: AppProcess | undefined;
  readonly exited: Promise<void>;
  #ended: () => void = () => undefined;
  #stopping = false;
  #renewal: NodeJS.Timeout | undefined;

  constructor(options: SplitOptions) {
    this.#options = options;
    this.exited = new Promise((resolve) => {
      this.#ended = resolve;
    });
  }

  get pids(): readonly number[] {
    return this.#processes.filter(({ gone }) => !gone).map(({ pid }) => pid);
  }

  /** How the first of them ended. */
  get ending(): string {
    return this.#first?.ending ?? '';
  }

  #start(args: readonly string[], env: NodeJS.ProcessEnv): AppProcess {
    const given = this.#options.env;
    const atOnce = Object.entries(STOP_AT_ONCE).filter(([name]) => !given[`${name}_FILE`]);
    const app = new AppProcess({ ...this.#options, args, env: { ...Object.fromEntries(atOnce), ...given, ...env } });
    this.#processes.push(app);
    this.#options.onProcess();
    return app;
  }

  /** A process that ends by itself takes the others with it: half a platform is worse than none. */
  #watch(app: AppProcess): void {
    void app.exited.then(() => {
      this.#first ??= app;
      this.#ended();
    });
  }

  /** @throws StartError with the sentence that one of them gave when it ended instead */
  async ready(): Promise<Ready> {
    const { settings, onProgress } = this.#options;
    onProgress('Preparing certificates');
    const ports = settings.services;
    const services = ports.map(({ name }) => name);
    const certificates = () => ensureLocalCa(join(settings.dataDir, 'tls'), ['gateway', ...services]);
    const identities = await certificates();
    // What runs for weeks outlives its certificates; the processes take up new ones by themselves.
    this.#renewal = setInterval(() => void certificates().catch(() => undefined), RENEWAL_MS).unref();
    onProgress('Migrating the database');
    await this.#migrate();
    onProgress('Starting the services');
    const urls = Object.fromEntries(
      ports.map(({ name, port }) => [`NEXUS_${name.toUpperCase()}_URL`, `https://localhost:${port}`]),
    );
    const starting = identities.map(({ service, env }) => {
      const own = ports.find(({ name }) => name === service);
      const listens: NodeJS.ProcessEnv = own
        ? { [`NEXUS_${service.toUpperCase()}_PORT`]: `${own.port}`, MANAGEMENT_PORT: `${own.managementPort}` }
        : WITHOUT_DATABASE;
      const app = this.#start([`--target=${service}`], { ...env, ...urls, ...listens });
      this.#watch(app);
      return { service, ready: app.ready() };
    });
    for (const { ready } of starting) ready.catch(() => undefined);
    const all = await Promise.all(starting.map(async ({ service, ready }) => [service, await ready] as const));
    const by = new Map(all);
    const gateway = by.get('gateway');
    if (!gateway) throw new StartError('The gateway was not started.');
    const admin = by.get('auth')?.admin;
    return { ...gateway, ...(admin ? { admin } : {}) };
  }

  async #migrate(): Promise<void> {
    const app = this.#start(['--target=all', '--migrate'], {});
    if (!(await until(() => app.gone || this.#stopping, MIGRATION_MS, 20))) {
      await app.stop(0, AbortSignal.abort());
      throw new StartError(`The migration took longer than ${MIGRATION_MS / 1000} s.`);
    }
    if (app.gone) app.assertSucceeded();
  }

  /** The gateway first, so that nobody sends to a service that has gone. */
  async stop(ms: number, urgent: AbortSignal): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#renewal);
    const deadline = Date.now() + ms;
    const [gateway, ...others] = [...this.#processes].reverse().sort((a, b) => rank(a) - rank(b));
    await gateway?.stop(ms / 2, urgent);
    await Promise.all(others.map((app) => app.stop(Math.max(1, deadline - Date.now()), urgent)));
  }
}

function rank(app: AppProcess): number {
  return app.args.includes('--target=gateway') ? 0 : 1;
}
