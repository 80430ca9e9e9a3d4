import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BenchDatabase, type StatementCount } from './database.ts';
import { originAnswer } from './gateway/origin-answer.ts';
import { GatewayStage } from './gateway/stage.ts';
import { call } from './http-call.ts';
import { LOAD_WORKER, LoadProcess } from './load/load-process.ts';
import { type Cores, rssMb, settled } from './machine.ts';
import { Product } from './product.ts';
import { Reaper } from './reaper.ts';
import { isReference, prepareReferences, type ReferenceName, startReference } from './references.ts';
import { sampleData } from './sample-data.ts';
import {
  type ContestantName,
  PRODUCT_SCENARIO_NAMES,
  PROFILED_CONTESTANTS,
  type RequestPlans,
  type Scenario,
} from './scenarios.ts';
import { childEnv, endChild, HOST, ServedProcess, type Subject } from './served-process.ts';

/** A reference whose answer differs from that of Nexus by more than this share of its size would not be comparable. */
const SIZE_TOLERANCE = 0.02;

export interface ArenaOptions {
  scenarios: readonly Scenario[];
  cores: Cores | undefined;
  /** The entry of the build to measure; without one the references that need no database are measured alone. */
  main: string | undefined;
  /** Nexus's own processes can be asked for CPU profiles, and its references are left out. */
  profile: boolean;
  log: (line: string) => void;
}

/** Everything that runs during a benchmark: database, load generator and contestants, started and stopped together. */
export class Arena {
  readonly contestants = new Map<ContestantName, Subject>();
  /** Every process that was started under its id, contestant or not. */
  readonly processes = new Map<number, ServedProcess>();
  /** Resident set of every contestant after its start, before any load, in MB. */
  readonly idleRss = new Map<ContestantName, number>();
  #cleanups: (() => Promise<unknown> | unknown)[] = [];
  #closed = false;
  readonly #reaper = new Reaper();
  #database: BenchDatabase | undefined;
  #load: LoadProcess | undefined;
  #plans: (() => Promise<RequestPlans>) | undefined;
  #product: Product | undefined;
  #gateway: GatewayStage | undefined;
  #options: (ArenaOptions & { folder: string }) | undefined;

  get database(): BenchDatabase {
    return required(this.#database);
  }

  /** Absent when nothing that is measured needs a database. */
  get databaseVersion(): string | undefined {
    return this.#database?.version;
  }

  /** What else took part, for the report. */
  facts(): string[] {
    const nginx = this.#gateway?.nginx;
    return nginx === undefined ? [] : [`nginx ${nginx.version}`];
  }

  get load(): LoadProcess {
    return required(this.#load);
  }

  /** The requests of every scenario, with fresh credentials. */
  plans(): Promise<RequestPlans> {
    return required(this.#plans)();
  }

  get product(): Product {
    return required(this.#product);
  }

  get gateway(): GatewayStage {
    return required(this.#gateway);
  }

  async open(options: ArenaOptions): Promise<void> {
    const { scenarios, cores, main, profile, log } = options;
    if (main !== undefined && !existsSync(main)) throw new Error(`${main} does not exist: build Nexus first`);
    const folder = mkdtempSync(join(tmpdir(), 'nexus-bench-'));
    // PostgreSQL runs as another user when we are root, and has to reach its data.
    chmodSync(folder, 0o711);
    await this.#onClose(() => rmSync(folder, { recursive: true, force: true }));
    this.#options = { ...options, folder };
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
      const product = await Product.start({ main, databaseUrl: database.url, folder, cores, inspect: profile });
      await this.#onClose(() => product.stop());
      this.#product = product;
      this.#watch(product.served);
      await this.#admit('nexus', product.served);
      log('registering accounts, creating projects');
      data = await product.prepare();
      this.#plans = () => product.plans();
    }

    const given = { database, data, folder, cores };
    prepareReferences(given);
    for (const name of contestantsOf(scenarios)) {
      // (c) works on the tables that Nexus has made.
      if (!isReference(name) || profile || (name === 'raw-fastify-pg' && main === undefined)) continue;
      log(`starting ${name}`);
      await this.#startReference(name, given);
    }
    for (const scenario of scenarios) {
      const name = PRODUCT_SCENARIO_NAMES.find((own) => own === scenario.name);
      if (name !== undefined) await this.#checkSizes(scenario, JSON.stringify(data.answers[name]).length);
    }
  }

  /** Starts the platform as several processes, and everyone whom the gateway is compared with. */
  async openGateway(): Promise<GatewayStage> {
    const { scenarios, cores, main, profile, log, folder } = required(this.#options);
    if (main === undefined) throw new Error('without Nexus there is no gateway');
    log('starting the platform as several processes');
    const { settings } = this.product;
    const started = async (served: ServedProcess) => {
      this.#watch(served);
      await this.#onClose(() => served.stop());
    };
    const stage = await GatewayStage.open({ main, settings, folder, cores, inspect: profile, log, started });
    this.#gateway = stage;
    for (const name of contestantsOf(scenarios)) {
      if (name === 'nexus' || isReference(name) || (profile && !PROFILED_CONTESTANTS.has(name))) continue;
      const subject = await stage.contestant(name);
      if (subject !== undefined) await this.#admit(name, subject);
    }
    for (const scenario of scenarios) {
      if (scenario.name === 'proxied-get' || scenario.name === 'mtls-get') await this.#checkAnswers(scenario);
    }
    return stage;
  }

  /** Stops contestants that are not needed any more, so that they disturb nobody and hold nothing. */
  async retire(scenarios: readonly Scenario[], next: readonly Scenario[]): Promise<void> {
    const needed = contestantsOf(next);
    for (const name of contestantsOf(scenarios)) {
      if (needed.has(name) || !isReference(name)) continue;
      for (const pid of this.contestants.get(name)?.pids ?? []) await this.processes.get(pid)?.stop();
      this.contestants.delete(name);
    }
  }

  /** Which statements one request of the scenario runs. */
  async statementsOf(scenario: Scenario, contestant: ContestantName): Promise<StatementCount[]> {
    const served = required(this.contestants.get(contestant));
    const spec = required((await this.plans())[scenario.name].requests[0]);
    await settled(served.pids);
    let counter = 10 ** 11;
    return this.database.statementsOf(async () => {
      counter += 1;
      await call(originOf(served), spec, counter);
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
    this.#watch(served);
    await this.#admit(name, served);
  }

  #watch(served: ServedProcess): void {
    this.#reaper.watch(served.pid);
    this.processes.set(served.pid, served);
  }

  async #admit(name: ContestantName, subject: Subject): Promise<void> {
    if (!(await settled(subject.pids))) throw new Error(`${name} does not become idle after its start`);
    this.idleRss.set(
      name,
      subject.pids.reduce((sum, pid) => sum + rssMb(pid), 0),
    );
    this.contestants.set(name, subject);
  }

  /** @throws when a proxy does not pass the upstream's answer on as it is */
  async #checkAnswers(scenario: Scenario): Promise<void> {
    const spec = required((await this.plans())[scenario.name].requests[0]);
    for (const name of scenario.contestants) {
      const served = this.contestants.get(name);
      if (served === undefined) continue;
      const { status, text } = await call(originOf(served), spec);
      if (status !== 200 || text !== originAnswer()) {
        throw new Error(
          `${name} answers ${scenario.name} with ${status}, and not as the upstream: ${text.slice(0, 500)}`,
        );
      }
    }
  }

  /** @throws when a reference answers a scenario with another status or another size than Nexus */
  async #checkSizes(scenario: Scenario, expected: number): Promise<void> {
    const plan = (await this.plans())[scenario.name];
    for (const name of scenario.contestants) {
      const served = this.contestants.get(name);
      if (served === undefined || name === 'nexus') continue;
      const { status, text } = await call(originOf(served), required(plan.requests[0]));
      if (status !== plan.expectedStatus || Math.abs(text.length - expected) > expected * SIZE_TOLERANCE) {
        throw new Error(
          `${name} answers ${scenario.name} with ${status} and ${text.length} characters, not ${expected}`,
        );
      }
    }
  }
}

function contestantsOf(scenarios: readonly Scenario[]): Set<ContestantName> {
  return new Set(scenarios.flatMap((scenario) => scenario.contestants));
}

function originOf({ port }: Subject): string {
  return `http://${HOST}:${port}`;
}

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the arena is not open');
  return value;
}
