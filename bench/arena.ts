import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BenchDatabase, type StatementCount } from './database.ts';
import { call } from './http-call.ts';
import { LOAD_WORKER, LoadProcess } from './load/load-process.ts';
import { type Cores, rssMb, settled } from './machine.ts';
import { Product } from './product.ts';
import { Reaper } from './reaper.ts';
import { prepareReferences, type ReferenceName, startReference } from './references.ts';
import { sampleData } from './sample-data.ts';
import type { ContestantName, RequestPlans, Scenario } from './scenarios.ts';
import { childEnv, endChild, type ServedProcess } from './served-process.ts';

/** A reference whose answer differs from that of Nexus by more than this share of its size would not be comparable. */
const SIZE_TOLERANCE = 0.02;

export interface ArenaOptions {
  scenarios: readonly Scenario[];
  cores: Cores | undefined;
  /** The entry of the build to measure; without one the references that need no database are measured alone. */
  main: string | undefined;
  log: (line: string) => void;
}

/** Everything that runs during a benchmark: database, load generator and contestants, started and stopped together. */
export class Arena {
  readonly contestants = new Map<ContestantName, ServedProcess>();
  /** Resident set of every contestant after its start, before any load, in MB. */
  readonly idleRss = new Map<ContestantName, number>();
  #cleanups: (() => Promise<unknown> | unknown)[] = [];
  #closed = false;
  readonly #reaper = new Reaper();
  #database: BenchDatabase | undefined;
  #load: LoadProcess | undefined;
  #plans: (() => Promise<RequestPlans>) | undefined;

  get database(): BenchDatabase {
    return required(this.#database);
  }

  get load(): LoadProcess {
    return required(this.#load);
  }

  /** The requests of every scenario, with fresh credentials. */
  plans(): Promise<RequestPlans> {
    return required(this.#plans)();
  }

  async open({ scenarios, cores, main, log }: ArenaOptions): Promise<void> {
    if (main !== undefined && !existsSync(main)) throw new Error(`${main} does not exist: build Nexus first`);
    const folder = mkdtempSync(join(tmpdir(), 'nexus-bench-'));
    // PostgreSQL runs as another user when we are root, and has to reach its data.
    chmodSync(folder, 0o711);
    await this.#onClose(() => rmSync(folder, { recursive: true, force: true }));
    log('starting PostgreSQL');
    const database = await BenchDatabase.start(join(folder, 'postgres'));
    this.#database = database;
    await this.#onClose(() => database.stop());
    await this.#startLoad();

    let data: Parameters<typeof prepareReferences>[0]['data'];
    if (main === undefined) {
      const sample = sampleData();
      data = sample.data;
      this.#plans = async () => sample.plans;
    } else {
      log('starting Nexus');
      const product = await Product.start({ main, databaseUrl: database.url, folder, cores });
      await this.#onClose(() => product.stop());
      await this.#admit('nexus', product.served);
      log('registering accounts, creating projects');
      data = await product.prepare();
      this.#plans = () => product.plans();
    }

    const options = { database, data, folder, cores };
    prepareReferences(options);
    for (const name of new Set(scenarios.flatMap((scenario) => scenario.contestants))) {
      // (c) works on the tables that Nexus has made.
      if (name === 'nexus' || (name === 'raw-fastify-pg' && main === undefined)) continue;
      log(`starting ${name}`);
      await this.#startReference(name, options);
    }
    for (const scenario of scenarios)
      await this.#checkSizes(scenario, JSON.stringify(data.answers[scenario.name]).length);
  }

  /** Which statements one request of the scenario runs. */
  async statementsOf(scenario: Scenario, contestant: ContestantName): Promise<StatementCount[]> {
    const served = required(this.contestants.get(contestant));
    const spec = required((await this.plans())[scenario.name].requests[0]);
    await settled(served.pid);
    let counter = 10 ** 11;
    return this.database.statementsOf(async () => {
      counter += 1;
      await call(served.origin, spec, counter);
    });
  }

  /** Stops everything, in the reverse order of the start; keeps going when one stop fails. */
  async close(): Promise<void> {
    this.#closed = true;
    const cleanups = this.#cleanups.reverse();
    this.#cleanups = [];
    const faults: unknown[] = [];
    for (const cleanup of cleanups) {
      try {
        await cleanup();
      } catch (error) {
        faults.push(error);
      }
    }
    this.#reaper.release();
    if (faults.length > 0) throw new AggregateError(faults, 'not everything could be stopped');
  }

  /** Registers what {@link close} does; when that has been called already, does it now and gives up. */
  async #onClose(cleanup: () => Promise<unknown> | unknown): Promise<void> {
    this.#cleanups.push(cleanup);
    if (!this.#closed) return;
    await this.close();
    throw new Error('interrupted');
  }

  async #startLoad(): Promise<void> {
    const child = spawn(process.execPath, [LOAD_WORKER], {
      env: childEnv({}),
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    await this.#onClose(() => endChild(child));
    this.#load = await LoadProcess.attach(child);
  }

  async #startReference(name: ReferenceName, options: Parameters<typeof startReference>[1]): Promise<void> {
    const served = await startReference(name, options);
    await this.#onClose(() => served.stop());
    await this.#admit(name, served);
  }

  async #admit(name: ContestantName, served: ServedProcess): Promise<void> {
    this.#reaper.watch(served.pid);
    if (!(await settled(served.pid))) throw new Error(`${name} does not become idle after its start`);
    this.idleRss.set(name, rssMb(served.pid));
    this.contestants.set(name, served);
  }

  /** @throws when a reference answers a scenario with another status or another size than Nexus */
  async #checkSizes(scenario: Scenario, expected: number): Promise<void> {
    const plan = (await this.plans())[scenario.name];
    for (const name of scenario.contestants) {
      const served = this.contestants.get(name);
      if (served === undefined || name === 'nexus') continue;
      const { status, text } = await call(served.origin, required(plan.requests[0]));
      if (status !== plan.expectedStatus || Math.abs(text.length - expected) > expected * SIZE_TOLERANCE) {
        throw new Error(
          `${name} answers ${scenario.name} with ${status} and ${text.length} characters, not ${expected}`,
        );
      }
    }
  }
}

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the arena is not open');
  return value;
}
