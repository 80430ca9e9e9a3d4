import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureLocalCa, type LocalIdentity } from '../../tools/local-ca/local-ca.ts';
import { freePort } from '../../tools/test/free-ports.ts';
import type { Cores } from '../machine.ts';
import { type PlatformSettings, productEnv } from '../product.ts';
import type { ContestantName } from '../scenarios.ts';
import { HOST, ServedProcess, type Subject, together } from '../served-process.ts';
import { findNginx, nginxAnswer, nginxProxy, startNginx } from './nginx.ts';
import { originAnswer } from './origin-answer.ts';

/** Every process has its own few: together they fit what PostgreSQL takes. */
const POOL_SIZE = '4';
const IDENTITIES = ['gateway', 'auth+user', 'project'] as const;

export interface StageOptions {
  main: string;
  settings: PlatformSettings;
  folder: string;
  cores: Cores | undefined;
  inspect: boolean;
  log: (line: string) => void;
  /** Told of everything that has been started: it is stopped at the end. */
  started: (served: ServedProcess) => Promise<void>;
}

/**
 * The platform as several processes: authentication beside the load generator, where the gateways get keys and
 * revocations over mutual TLS, an upstream, and the contestants one by one.
 */
export class GatewayStage {
  /** Where plain requests are answered; nginx, where it is present. */
  upstream = '';
  /** What answers uploads, and requests over TLS. */
  origin = '';
  #secureOrigin = '';
  readonly #options: StageOptions;
  readonly #folder: string;
  #identities = new Map<string, LocalIdentity>();
  readonly #urls: Record<string, string> = {};
  readonly nginx = findNginx();

  private constructor(options: StageOptions) {
    this.#options = options;
    this.#folder = join(options.folder, 'gateway');
    mkdirSync(this.#folder);
  }

  /** Starts what the contestants need. */
  static async open(options: StageOptions): Promise<GatewayStage> {
    const stage = new GatewayStage(options);
    const identities = await ensureLocalCa(join(stage.#folder, 'tls'), IDENTITIES);
    stage.#identities = new Map(identities.map((identity) => [identity.service, identity]));
    await stage.#startOrigin();
    await stage.#startAuth();
    return stage;
  }

  async #startOrigin(): Promise<void> {
    const port = await freePort();
    const securePort = await freePort();
    await this.#start({
      args: [fileURLToPath(new URL('./origin.ts', import.meta.url))],
      env: { ...this.#identity('project').env, ...bench(port), BENCH_TLS_PORT: String(securePort) },
      port,
      readyPath: '/',
      logFile: join(this.#folder, 'origin.log'),
      cores: undefined,
    });
    this.origin = `http://${HOST}:${port}`;
    this.#secureOrigin = `https://${HOST}:${securePort}`;
    this.upstream = this.origin;
    if (this.nginx === undefined) return;
    const { command } = this.nginx;
    const location = nginxAnswer(originAnswer());
    const served = await startNginx({
      command,
      name: 'nginx-origin',
      folder: this.#folder,
      cores: undefined,
      location,
    });
    await this.#options.started(served);
    this.upstream = served.origin;
  }

  /** Tokens are checked with what this process says; it is not measured. */
  async #startAuth(): Promise<void> {
    const [auth, user] = [await freePort(), await freePort()];
    this.#urls.NEXUS_AUTH_URL = `https://${HOST}:${auth}`;
    this.#urls.NEXUS_USER_URL = `https://${HOST}:${user}`;
    const ports = { NEXUS_AUTH_PORT: String(auth), NEXUS_USER_PORT: String(user) };
    await this.#startNexus('auth+user', { env: ports, port: auth, measured: false });
  }

  /** Starts a contestant; undefined where the machine does not have it. */
  async contestant(name: ContestantName): Promise<Subject | undefined> {
    this.#options.log(`starting ${name}`);
    switch (name) {
      case 'gateway':
        return this.gateway(name, this.upstream);
      case 'gateway-plain':
        return this.gateway(name, this.origin);
      case 'gateway-mtls':
        return this.gateway(name, this.#secureOrigin);
      case 'split':
        return this.#split(name, 'off');
      case 'split-mtls':
        return this.#split(name, 'required');
      case 'nginx':
        return this.#nginxProxy();
      case 'http-proxy':
      case 'http-request':
      case 'undici-dispatch':
      case 'own-bare':
        return this.proxy(name, this.upstream);
      default:
        throw new Error(`${name} is no contestant of the gateway`);
    }
  }

  /** A gateway whose project and file services are at `upstream`. */
  async gateway(name: string, upstream: string): Promise<ServedProcess> {
    const env = { NEXUS_PROJECT_URL: upstream, NEXUS_FILE_URL: this.origin };
    return this.#startNexus('gateway', { name, env, port: await freePort() });
  }

  async proxy(name: ContestantName, upstream: string): Promise<ServedProcess> {
    const port = await freePort();
    return this.#start({
      args: [fileURLToPath(new URL(`./${name}.ts`, import.meta.url))],
      env: { ...bench(port), BENCH_UPSTREAM: upstream, BENCH_MAIN: this.#options.main },
      port,
      readyPath: '/health/ready',
      logFile: join(this.#folder, `${name}.log`),
      cores: this.#options.cores,
      inspect: this.#options.inspect,
    });
  }

  /** What the upstream has seen of TLS so far. */
  handshakes(): Promise<{ full: number; resumed: number }> {
    return fetch(`${this.origin}/bench/handshakes`).then(
      (answer) => answer.json() as Promise<{ full: number; resumed: number }>,
    );
  }

  async #nginxProxy(): Promise<ServedProcess | undefined> {
    if (this.nginx === undefined) {
      this.#options.log('nginx is not there');
      return undefined;
    }
    const { command } = this.nginx;
    const { cores } = this.#options;
    const site = nginxProxy(new URL(this.upstream));
    const served = await startNginx({ command, name: 'nginx-proxy', folder: this.#folder, cores, ...site });
    await this.#options.started(served);
    return served;
  }

  /** A gateway and the project service behind it: the work of both counts. */
  async #split(name: ContestantName, tls: 'off' | 'required'): Promise<Subject> {
    const port = await freePort();
    const env = { NEXUS_PROJECT_PORT: String(port), INTERNAL_TLS: tls };
    const project = await this.#startNexus('project', { name: `${name}-project`, env, port });
    const gateway = await this.gateway(name, `${tls === 'off' ? 'http' : 'https'}://${HOST}:${port}`);
    return together(gateway, project);
  }

  async #startNexus(
    target: (typeof IDENTITIES)[number],
    what: { name?: string; env: Record<string, string>; port: number; measured?: boolean },
  ): Promise<ServedProcess> {
    const { main, settings, cores, inspect } = this.#options;
    const { name = target, port, env, measured = true } = what;
    const managementPort = await freePort();
    const ownPorts = { port, managementPort, dataDir: join(this.#folder, name) };
    const elsewhere = { NEXUS_FILE_URL: this.origin, NEXUS_NOTIFICATION_URL: this.origin };
    return this.#start({
      args: [main, `--target=${target.replace('+', ',')}`],
      env: {
        ...productEnv({ ...settings, ...ownPorts }),
        DATABASE_POOL_SIZE: POOL_SIZE,
        ...this.#identity(target).env,
        ...this.#urls,
        ...elsewhere,
        ...env,
      },
      port,
      readyPath: '/health/ready',
      readyPort: managementPort,
      logFile: join(this.#folder, `${name}.log`),
      cores: measured ? cores : undefined,
      inspect: inspect && measured,
    });
  }

  async #start(options: Parameters<typeof ServedProcess.start>[0]): Promise<ServedProcess> {
    const served = await ServedProcess.start(options);
    await this.#options.started(served);
    return served;
  }

  #identity(service: (typeof IDENTITIES)[number]): LocalIdentity {
    const found = this.#identities.get(service);
    if (found === undefined) throw new Error(`there is no certificate for ${service}`);
    return found;
  }
}

function bench(port: number): Record<string, string> {
  return { BENCH_HOST: HOST, BENCH_PORT: String(port) };
}
