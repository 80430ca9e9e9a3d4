import { closeSync } from 'node:fs';
import { join } from 'node:path';
import { createDataDir, type Postgres, startPostgres } from '../postgres/embedded.ts';
import { AdminPassword } from './admin.ts';
import { openAppLog, prettyLog } from './app-log.ts';
import { type Application, AppProcess, builtEntry, type Ready } from './app-process.ts';
import { banner, wantsColour } from './banner.ts';
import { claimDataDir, endPreviousApp } from './data-lock.ts';
import { type FileLock, identityOf } from './file-lock.mjs';
import { Progress } from './progress.mjs';
import { Rebuilder } from './rebuild.ts';
import { ensureSecret, secretPath } from './secret-files.ts';
import { appEnv, checkPorts, readSettings, type Settings } from './settings.ts';
import { SplitApplication } from './split.ts';
import { fileFault, StartError } from './start-error.mjs';
import type { StopRequest } from './stop-request.ts';

/** A stop is over within 10 s: the application has 8 of them, the database what is left. */
const APP_STOP_MS = 8000;
const WHOLE_STOP_MS = 9200;
const LEAST_DATABASE_MS = 1000;

export interface LaunchOptions {
  /** The checkout. */
  readonly root: string;
  readonly env: NodeJS.ProcessEnv;
  /** Rebuild and restart when the sources change, and show the log. */
  readonly watch: boolean;
  /** Six processes instead of one. */
  readonly split?: boolean;
  readonly out: NodeJS.WriteStream;
  readonly err: NodeJS.WriteStream;
  readonly stop: StopRequest;
  /** The application's script; the built one unless given. */
  readonly appEntry?: string;
  /** See PostgresOptions. */
  readonly centralDir?: string;
}

/** What a start has set up so far, in the order in which a stop takes it down. */
class Launch {
  readonly #options: LaunchOptions;
  readonly #settings: Settings;
  readonly #lock: FileLock;
  readonly #progress: Progress;
  readonly #logFile: string | undefined;
  #log: number | NodeJS.WritableStream | undefined;
  #postgres: Postgres | undefined;
  #app: Application | undefined;
  #rebuilder: Rebuilder | undefined;
  #restarting = false;
  #fail: (error: unknown) => void = () => undefined;

  constructor(options: LaunchOptions, settings: Settings, lock: FileLock, progress: Progress) {
    this.#options = options;
    this.#settings = settings;
    this.#lock = lock;
    this.#progress = progress;
    this.#logFile = options.watch ? undefined : join(settings.dataDir, 'logs', 'nexus.log');
  }

  /** Runs until it is asked to stop. @throws StartError when something ends that should not */
  async run(): Promise<void> {
    const { stop, out, env, watch } = this.#options;
    const failed = new Promise<never>((_, reject) => {
      this.#fail = reject;
    });
    failed.catch(() => undefined);
    const admin = new AdminPassword(this.#settings.dataDir, this.#settings);
    await this.#startDatabase();
    const ready = await Promise.race([this.#startApp(admin), failed, stop.requested]);
    this.#progress.end();
    if (!ready) return;
    const { databaseUrl } = this.#settings;
    out.write(
      banner({
        ready,
        settings: this.#settings,
        password: admin.toShow(ready.admin?.created === true),
        databaseDir: databaseUrl ? undefined : this.#postgres?.dataDir,
        logFile: this.#logFile,
        colour: wantsColour(out, env),
      }),
    );
    admin.shown();
    if (watch) this.#watchSources(admin);
    await Promise.race([failed, stop.requested]);
  }

  async #startDatabase(): Promise<void> {
    if (this.#settings.databaseUrl) return;
    const { root, env, stop, centralDir } = this.#options;
    this.#postgres = await startPostgres({
      dataDir: this.#settings.dataDir,
      root,
      env,
      signal: stop.signal,
      ...(centralDir ? { centralDir } : {}),
      onProgress: (message) => this.#progress.step(message),
    });
    this.#postgres.onExit((fault) => this.#fail(fault));
  }

  async #startApp(admin: AdminPassword): Promise<Ready> {
    const { root, env, err, out, watch, split, appEntry } = this.#options;
    const { dataDir, authSecretGiven } = this.#settings;
    if (this.#logFile) this.#log ??= openAppLog(this.#logFile);
    else this.#log ??= await prettyLog(out, wantsColour(out, env));
    if (!authSecretGiven) ensureSecret(dataDir, 'auth-secret');
    this.#progress.step('Starting Nexus');
    const common = {
      root,
      entry: appEntry ?? builtEntry(root),
      env: appEnv(env, this.#settings, {
        ...(this.#postgres ? { DATABASE_URL: this.#postgres.url } : {}),
        ...(authSecretGiven ? {} : { AUTH_SECRET_FILE: secretPath(dataDir, 'auth-secret') }),
        ...(admin.value ? { ADMIN_PASSWORD: admin.value } : {}),
      }),
      log: this.#log as number,
      logFile: this.#logFile,
      errors: watch ? err : undefined,
      lifeline: this.#postgres?.lifeline,
      onProgress: (message: string) => this.#progress.step(message),
    };
    const app = split
      ? new SplitApplication({ ...common, settings: this.#settings, onProcess: () => this.#note(app) })
      : new AppProcess({ ...common, args: ['--target=all'] });
    this.#app = app;
    this.#note(app);
    const ready = await app.ready();
    void app.exited.then(() => this.#appEnded(app));
    return ready;
  }

  /** Writes down which processes a next start has to end if this one is killed. */
  #note(app: Application): void {
    try {
      this.#lock.update({ children: app.pids.map(identityOf) });
    } catch (error) {
      throw fileFault(error, this.#settings.dataDir);
    }
  }

  #appEnded(app: Application): void {
    if (this.#restarting || this.#options.stop.signal.aborted || app !== this.#app) return;
    if (this.#options.watch) {
      this.#options.err.write(`Nexus ended unexpectedly (${app.ending}); waiting for a change.\n`);
      return;
    }
    this.#fail(new StartError(`Nexus ended unexpectedly (${app.ending}); its log is ${this.#logFile}.`));
  }

  #watchSources(admin: AdminPassword): void {
    const { root, err, out, stop } = this.#options;
    this.#rebuilder = new Rebuilder(root, err, async () => {
      const started = Date.now();
      this.#restarting = true;
      try {
        await this.#app?.stop(APP_STOP_MS, stop.urgent);
        if (stop.signal.aborted) return;
        await this.#startApp(admin);
        out.write(`Restarted in ${((Date.now() - started) / 1000).toFixed(1)} s.\n`);
      } catch (error) {
        err.write(`${error instanceof StartError ? error.message : error}\nWaiting for a change.\n`);
      } finally {
        this.#progress.end();
        this.#restarting = false;
      }
    });
    this.#rebuilder.start();
  }

  /** Takes down in order what is up; safe at any point of a start. */
  async end(): Promise<void> {
    const { stop } = this.#options;
    const deadline = Date.now() + WHOLE_STOP_MS;
    this.#progress.step('Stopping');
    this.#rebuilder?.close();
    try {
      this.#lock.update({ stopping: true });
    } catch {
      // A full disk: others then take this stop for a healthy process a little longer.
    }
    await this.#app?.stop(APP_STOP_MS, stop.urgent);
    const postgres = this.#postgres;
    if (postgres) {
      const hurry = (): void => void postgres.stop('immediate');
      stop.urgent.addEventListener('abort', hurry);
      const left = Math.max(LEAST_DATABASE_MS, deadline - Date.now());
      await postgres.stop(stop.urgent.aborted ? 'immediate' : 'fast', left);
    }
    await this.#rebuilder?.idle();
    this.#progress.end();
    if (typeof this.#log === 'number') closeSync(this.#log);
  }
}

/**
 * Starts the database and the application on a data directory, and keeps them until it is asked to stop.
 * @returns when everything has been stopped as asked
 * @throws StartError with one sentence, everything being stopped
 */
export async function launch(options: LaunchOptions): Promise<void> {
  const { stop } = options;
  const settings = readSettings(options.root, options.env, options.split);
  const progress = new Progress(options.out);
  try {
    createDataDir(settings.dataDir);
    const lock = await claimDataDir(settings.dataDir, progress, stop.signal);
    try {
      await endPreviousApp(lock, progress, stop.signal);
      await checkPorts(settings);
      const started = new Launch(options, settings, lock, progress);
      try {
        await started.run();
      } finally {
        await started.end();
      }
    } finally {
      lock.release();
    }
  } catch (error) {
    // Whatever a stop interrupted is no failure.
    if (!stop.signal.aborted) throw error;
  } finally {
    progress.end();
  }
}
