import type { LoadProcess } from './load/load-process.ts';
import type { LoadPlan } from './load/protocol.ts';
import { type Cores, coreBusyMs, cpuMsOf, pause, rssMb, settled } from './machine.ts';
import {
  type ContestantName,
  OWN_CONTESTANTS,
  type RequestPlan,
  type Scenario,
  type ScenarioName,
} from './scenarios.ts';
import { HOST, type Subject } from './served-process.ts';

/** The kernel counts CPU in ticks of 10 ms: below this a sample would be too coarse. */
const ENOUGH_CPU_MS = 4_000;
const POLL_MS = 100;
/** Opens the connections behind the contestant again, which may have been idle for a turn of all others. */
const REWARM_SECONDS = 0.25;

/** One contestant under one scenario in one turn of a round. */
export interface Sample {
  scenario: ScenarioName;
  contestant: ContestantName;
  round: number;
  turn: number;
  requests: number;
  /** CPU time per request of the processes under test, in µs. */
  cpuMicros: number;
  /** The same, with the work that the requests left to be done after their answers. */
  cpuMicrosWithRest: number;
  requestsPerSecond: number;
  /** Latencies in µs. */
  p50: number;
  p99: number;
  /** By kind, those of the warm-up included. */
  errors: Record<string, number>;
  /** Answers that did not come by the path that the scenario is about. */
  headMismatches: number;
  /** Whether the process was still busy 20 s after its load. */
  restless: boolean;
  /** Resident set at the end of the load, in MB. */
  rssMb: number;
  /** Share of the sample's time that the process under test, the load generator and strangers on its core were busy. */
  subjectShare: number;
  loadShare: number;
  strangerShare: number | undefined;
}

export interface MeasureOptions {
  /** Length of one sample. */
  seconds: number;
  /** Load before the first turn of a round, in seconds. */
  warmup: number;
  /** The same in the first round: compilation goes by calls, of which the slower side gets fewer in the same time. */
  firstWarmup: number;
  cores: Cores | undefined;
}

/** When a sample is taken. */
export interface Moment {
  round: number;
  /** Within the round. */
  turn: number;
}

/** Looks on while a sample is taken. */
export interface Onlooker {
  begin(): Promise<unknown>;
  end(): Promise<unknown>;
}

/** Takes samples one after another with one load process. */
export class Meter {
  readonly #load: LoadProcess;
  readonly #options: MeasureOptions;
  #counter = 1;

  constructor(load: LoadProcess, options: MeasureOptions) {
    this.#load = load;
    this.#options = options;
  }

  async sample(
    scenario: Scenario,
    contestant: ContestantName,
    served: Subject,
    plan: RequestPlan,
    at: Moment,
    onlooker?: Onlooker,
  ): Promise<Sample> {
    const { seconds, cores } = this.#options;
    const { pids } = served;
    await this.#load.open(this.#plan(scenario, contestant, served, plan));
    this.#load.start();
    await pause(this.#warmupOf(at) * 1000);
    const warmed = await this.#load.stop();
    this.#counter = warmed.nextCounter;
    await settled(pids);

    await onlooker?.begin();
    await this.#load.open(this.#plan(scenario, contestant, served, plan));
    const cpuBefore = cpuMsOf(pids);
    const coreBefore = cores === undefined ? 0 : coreBusyMs(cores.subject);
    this.#load.start();
    await this.#untilEnough(pids, cpuBefore, seconds * 1000);
    const result = await this.#load.stop();
    const cpu = cpuMsOf(pids) - cpuBefore;
    const core = cores === undefined ? undefined : coreBusyMs(cores.subject) - coreBefore;
    this.#counter = result.nextCounter;
    served.assertRunning();
    await onlooker?.end();
    const rss = pids.reduce((sum, pid) => sum + rssMb(pid), 0);
    const restless = !(await settled(pids));
    const cpuWithRest = cpuMsOf(pids) - cpuBefore;
    served.truncateLog();
    if (result.requests === 0) throw new Error(`${contestant} answered nothing: ${JSON.stringify(result.errors)}`);
    return {
      scenario: scenario.name,
      contestant,
      ...at,
      requests: result.requests,
      cpuMicros: (cpu * 1000) / result.requests,
      cpuMicrosWithRest: (cpuWithRest * 1000) / result.requests,
      requestsPerSecond: (result.requests * 1000) / result.wallMs,
      p50: result.p50,
      p99: result.p99,
      errors: mergeCounts(warmed.errors, result.errors),
      headMismatches: result.headMismatches,
      restless,
      rssMb: rss,
      subjectShare: cpu / result.wallMs,
      loadShare: result.loadCpuMs / result.wallMs,
      strangerShare: core === undefined ? undefined : Math.max(0, core - cpu) / result.wallMs,
    };
  }

  #warmupOf({ round, turn }: Moment): number {
    if (turn > 0) return REWARM_SECONDS;
    return round === 0 ? this.#options.firstWarmup : this.#options.warmup;
  }

  /** Ends with the sample's time, or later, when the process under test has not used enough CPU by then. */
  async #untilEnough(pids: readonly number[], cpuBefore: number, ms: number): Promise<void> {
    const start = performance.now();
    const enough = Math.min(ENOUGH_CPU_MS, ms * 0.8);
    await pause(ms);
    while (performance.now() - start < 2 * ms && cpuMsOf(pids) - cpuBefore < enough) await pause(POLL_MS);
  }

  #plan(scenario: Scenario, contestant: ContestantName, served: Subject, plan: RequestPlan): LoadPlan {
    return {
      host: HOST,
      port: served.port,
      connections: scenario.connections,
      requests: plan.requests,
      expectedStatus: plan.expectedStatus,
      ...(OWN_CONTESTANTS.has(contestant) && plan.expectedHead !== undefined
        ? { expectedHead: plan.expectedHead }
        : {}),
      firstCounter: this.#counter,
    };
  }
}

function mergeCounts(a: Record<string, number>, b: Record<string, number>): Record<string, number> {
  const sum = { ...a };
  for (const [kind, count] of Object.entries(b)) sum[kind] = (sum[kind] ?? 0) + count;
  return sum;
}
