import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { codeOf, StartError } from './start-error.mjs';

/** What the launcher itself must know; everything else is the application's to read and check. */
export interface Settings {
  readonly dataDir: string;
  readonly environment: string;
  readonly host: string;
  readonly port: number;
  readonly managementHost: string;
  readonly managementPort: number;
  readonly adminEmail: string;
  /** Where the mail preview is: only in development, and only while no mail server is set. */
  readonly showsMail: boolean;
  /** `undefined` when the embedded database is to be used. */
  readonly databaseUrl: string | undefined;
  readonly adminPasswordGiven: boolean;
  readonly authSecretGiven: boolean;
  /** Ports of the services beside the gateway, when they are processes of their own. */
  readonly services: readonly ServicePorts[];
}

/** Where a service listens when it is a process of its own. */
export interface ServicePorts {
  readonly name: string;
  readonly port: number;
  readonly managementPort: number;
}

const SERVICES = ['auth', 'user', 'project', 'file', 'notification'];
const FIRST_SERVICE_PORT = 8081;

type Env = NodeJS.ProcessEnv;

/** A variable, or the content of the file that `<NAME>_FILE` names; an empty one counts as not set. */
function read(env: Env, name: string): string | undefined {
  const file = env[`${name}_FILE`];
  if (env[name]) {
    if (file) throw new StartError(`${name} and ${name}_FILE are both set: keep one of them.`);
    return env[name];
  }
  if (!file) return undefined;
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '') || undefined;
  } catch (error) {
    throw new StartError(`${name}_FILE names ${file}, which cannot be read (${codeOf(error)}).`);
  }
}

function readPort(env: Env, name: string, byDefault: number): number {
  const text = read(env, name)?.trim();
  if (text === undefined) return byDefault;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535)) throw new StartError(`${name} must be a port from 0 to 65535, not "${text}".`);
  return port;
}

function readServices(env: Env, managementPort: number): ServicePorts[] {
  return SERVICES.map((name, i) => ({
    name,
    port: readPort(env, `NEXUS_${name.toUpperCase()}_PORT`, FIRST_SERVICE_PORT + i),
    managementPort: managementPort === 0 ? 0 : managementPort + 1 + i,
  }));
}

/**
 * @param split whether the services are processes of their own
 * @throws StartError naming the variable that cannot be used
 */
export function readSettings(root: string, env: Env, split = false): Settings {
  const environment = read(env, 'NEXUS_ENV') ?? 'development';
  const managementPort = readPort(env, 'MANAGEMENT_PORT', 9180);
  const settings: Settings = {
    dataDir: resolve(root, read(env, 'NEXUS_DATA_DIR') ?? join(root, '.nexus')),
    environment,
    host: read(env, 'HOST') ?? '127.0.0.1',
    port: readPort(env, 'PORT', 8080),
    managementHost: read(env, 'MANAGEMENT_HOST') ?? '127.0.0.1',
    managementPort,
    adminEmail: read(env, 'ADMIN_EMAIL') ?? 'admin@nexus.local',
    showsMail: environment === 'development' && !read(env, 'SMTP_URL'),
    databaseUrl: read(env, 'DATABASE_URL'),
    adminPasswordGiven: read(env, 'ADMIN_PASSWORD') !== undefined,
    authSecretGiven: read(env, 'AUTH_SECRET') !== undefined,
    services: split ? readServices(env, managementPort) : [],
  };
  if (settings.port === settings.managementPort && settings.port !== 0) {
    throw new StartError(`PORT and MANAGEMENT_PORT are both ${settings.port}: give each a port of its own.`);
  }
  return settings;
}

/** What the application is told on top of the environment it inherits. */
export function appEnv(env: Env, settings: Settings, extra: Record<string, string>): Env {
  const own: Record<string, string> = {
    NEXUS_ENV: settings.environment,
    NEXUS_DATA_DIR: settings.dataDir,
    HOST: settings.host,
    PORT: `${settings.port}`,
    MANAGEMENT_HOST: settings.managementHost,
    MANAGEMENT_PORT: `${settings.managementPort}`,
    ADMIN_EMAIL: settings.adminEmail,
    ...extra,
  };
  const merged: Env = { ...env, ...own };
  // A variable that is set may not be given by a file as well.
  for (const name of Object.keys(own)) delete merged[`${name}_FILE`];
  return merged;
}

async function checkPort(host: string, port: number, hostName: string, portName: string): Promise<void> {
  if (port === 0) return;
  const probe = createServer();
  const code = await new Promise<string | undefined>((done) => {
    probe.once('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => done(undefined)));
  });
  if (code === undefined) return;
  if (code === 'EADDRINUSE') {
    throw new StartError(
      `Port ${port} on ${host} is in use: stop the program that uses it, or set ${portName} to another number.`,
    );
  }
  if (code === 'EACCES') {
    throw new StartError(`This user may not listen on port ${port}: set ${portName} to a number from 1024 on.`);
  }
  throw new StartError(
    `${hostName} is ${host}, which this machine cannot listen on (${code}): set ${hostName} to an address it has.`,
  );
}

/** All ports are looked at before anything is started, so that a taken one costs no wait. */
export async function checkPorts(settings: Settings): Promise<void> {
  for (const { name, port, managementPort } of settings.services) {
    await checkPort(settings.host, port, 'HOST', `NEXUS_${name.toUpperCase()}_PORT`);
    await checkPort(settings.managementHost, managementPort, 'MANAGEMENT_HOST', 'MANAGEMENT_PORT');
  }
  await checkPort(settings.host, settings.port, 'HOST', 'PORT');
  await checkPort(settings.managementHost, settings.managementPort, 'MANAGEMENT_HOST', 'MANAGEMENT_PORT');
}
