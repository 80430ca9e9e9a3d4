import { type Config, ConfigError, type Flags, platformConfig } from '@nexus/config';
import { databaseConfig, sqlState } from '@nexus/database';
import { createLogger, flushLogs, type Logger, observabilityConfig } from '@nexus/observability';
import { TlsMaterialError } from '@nexus/resilience';
import { CompositionError, compose } from './compose.js';
import { createApp } from './create-app.js';
import { keepsData, type ServiceDefinition } from './define-service.js';
import { migrateServices } from './migrations.js';
import { loadProcessConfig } from './process-config.js';
import { ListenError, type RunningApp, runApp } from './running-app.js';

/** What the process tells the launcher over IPC, when there is one. */
type LauncherMessage =
  | { readonly type: 'progress'; readonly message: string }
  | { readonly type: 'ready'; readonly url: string; readonly management_url: string; readonly admin: unknown };

function tell(message: LauncherMessage): void {
  process.send?.(message);
}

/** One sentence for whatever kept the process from starting; never a stack, never a secret. */
function sentence(error: unknown): string {
  if (error instanceof ConfigError || error instanceof CompositionError || error instanceof ListenError)
    return error.message;
  if (error instanceof TlsMaterialError) return `The TLS identity cannot be used: ${error.message}.`;
  const code = sqlState(error);
  if (code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'ETIMEDOUT')
    return 'The database at DATABASE_URL does not answer: is it running, and is the address right?';
  if (code === '28P01' || code === '28000') return 'The database refuses the user or password of DATABASE_URL.';
  if (code === '3D000') return 'The database named in DATABASE_URL does not exist.';
  if (code === '53100') return 'The disk of the database is full.';
  if (code === '42501') return 'The user of DATABASE_URL lacks rights that are needed.';
  const { message } = error as Error;
  if (/^pg-boss (?:is not installed|database requires)/.test(message))
    return 'The database is not migrated to this version: run the same command with --migrate first.';
  return `The process could not start: ${message.split('\n', 1)[0]}`;
}

function processLogger(config: Config, name: string, version: string): Logger {
  return createLogger({
    service: name,
    version,
    environment: config.get(platformConfig).NEXUS_ENV,
    level: config.get(observabilityConfig).LOG_LEVEL,
  });
}

/** What the entry point knows and the libs do not. */
export interface StartOptions {
  readonly catalog: readonly ServiceDefinition[];
  readonly version: string;
  readonly flags: Flags;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function run({ catalog, version, flags }: StartOptions): Promise<RunningApp | undefined> {
  const { targets, only } = flags;
  const composition = compose(targets, catalog);
  const config = loadProcessConfig(composition.services);
  if (only === 'check-config') {
    print('The configuration is usable.');
    return undefined;
  }
  if (only === 'print-config') {
    for (const [name, value] of Object.entries(config.masked())) print(`${name}=${value}`);
    return undefined;
  }
  const whole = composition.services.length === catalog.length;
  if (only === 'migrate' && !composition.services.some(keepsData)) {
    print('There is nothing to migrate: these services keep no data.');
    return undefined;
  }
  if (only === 'migrate' || whole) {
    tell({ type: 'progress', message: 'Migrating the database' });
    const applied = await migrateServices(config.get(databaseConfig).DATABASE_URL, composition.services);
    if (only === 'migrate') {
      print(applied.length === 0 ? 'The database is up to date.' : applied.join('\n'));
      return undefined;
    }
  }
  tell({ type: 'progress', message: 'Starting the services' });
  const app = await createApp(composition, config, processLogger(config, whole ? 'nexus' : targets.join(','), version));
  return runApp(app);
}

/** Ends the process on the first signal in order, on the second at once; also when the launcher is gone. */
function watchSignals(running: RunningApp): void {
  let stopping = false;
  const stop = (exitCode: number) => {
    if (stopping) process.exit(exitCode === 0 ? 130 : exitCode);
    stopping = true;
    running.stop().then(
      () => process.exit(exitCode),
      () => process.exit(1),
    );
  };
  process.on('SIGTERM', () => stop(0));
  process.on('SIGINT', () => stop(0));
  if (process.send) process.on('disconnect', () => stop(0));
}

/** A crash outside any request: say so, and end, because nothing is certain any more. */
function watchCrashes(): void {
  const logger = createLogger({ service: 'nexus', version: '', environment: '', level: 'fatal' });
  const crash = (error: unknown) => {
    logger.fatal('The process crashed', { error });
    process.exit(1);
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
}

/** The whole life of a process: configuration, migration, start, signals. */
export async function startTargets(options: StartOptions): Promise<void> {
  watchCrashes();
  try {
    const running = await run(options);
    if (!running) return;
    watchSignals(running);
    tell({
      type: 'ready',
      url: running.urls[0] as string,
      management_url: running.managementUrl,
      admin: running.app.report.get('admin'),
    });
  } catch (error) {
    process.stderr.write(`${sentence(error)}\n`);
    await flushLogs();
    process.exit(1);
  }
}
