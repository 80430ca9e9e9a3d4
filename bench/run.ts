import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { Arena } from './arena.ts';
import { judgeReads, measureReads, readSection } from './cache-get/cache-get.ts';
import { judgePolicies, measurePolicies, policySection } from './cache-policy/cache-policy.ts';
import { GATEWAY_SCENARIOS } from './gateway/gateway-scenarios.ts';
import { judgeUploads, measureUploads, uploadSection } from './gateway/upload.ts';
import { type Cores, machineFacts, rssMb, takeCores } from './machine.ts';
import { Meter, type Moment, type Onlooker, type Sample } from './measure.ts';
import type { Options } from './options.ts';
import { Inspector } from './profile/inspector.ts';
import { profileTables, summariseProfile } from './profile/summary.ts';
import { markdownReport, type Report, sampleLine, scenarioSection, verdictTable } from './report.ts';
import { assertSameStatements, errorKinds, judge, summarise, type Verdict, verdict } from './results.ts';
import {
  CONTESTANT_TITLES,
  PRODUCT_SCENARIOS,
  PROFILED_CONTESTANTS,
  type RequestPlan,
  type Scenario,
  type SelectableName,
} from './scenarios.ts';
import { HOST } from './served-process.ts';
import { rotate } from './statistics.ts';
import { judgeTokenChecks, measureTokenChecks, tokenCheckSection } from './token-check/token-check.ts';

const START: Moment = { round: 0, turn: 0 };
/** How much longer than all others the warm-up of the first round is. */
const FIRST_WARMUP = 5;
const UPLOAD_BYTES = 1_000_000_000;
const QUICK_UPLOAD_BYTES = 50_000_000;
/** CPU time of one sample of token checks or reads, in ms. */
const CHECK_MS = 500;
const QUICK_CHECK_MS = 100;
/** The same of each of the three figures of a policy. */
const POLICY_MS = 200;
const QUICK_POLICY_MS = 50;
/** Bounds of T1's second half. */
const HANDSHAKES = { target: 10, ambition: 2 };

const startedAt = performance.now();

/** Tells on standard error how far the run is. */
export function log(line: string): void {
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0).padStart(4);
  process.stderr.write(`${seconds} s  ${line}\n`);
}

/** One run, from the start of the first process to the report. */
class Run {
  readonly #arena: Arena;
  readonly #options: Options;
  readonly #cores: Cores | undefined;
  readonly #samples: Sample[] = [];
  readonly #verdicts: Verdict[] = [];
  readonly #trials: string[] = [];
  readonly #cacheTrials: string[] = [];
  #statements: Report['statements'] = [];
  /** Of the measured time of `gateway-mtls`. */
  #handshakes = 0;

  constructor(arena: Arena, options: Options, cores: Cores | undefined) {
    this.#arena = arena;
    this.#options = options;
    this.#cores = cores;
  }

  #wants(name: SelectableName): boolean {
    return this.#options.only.includes(name);
  }

  async measure(): Promise<boolean> {
    const { referencesOnly } = this.#options;
    const product = PRODUCT_SCENARIOS.filter(({ name }) => this.#wants(name));
    const gateway = referencesOnly ? [] : GATEWAY_SCENARIOS.filter(({ name }) => this.#wants(name));
    const uploads = !referencesOnly && this.#wants('slow-upload');
    if (product.length + gateway.length > 0 || uploads) await this.#open([...product, ...gateway]);
    if (product.length > 0) await this.#measureProduct(product);
    await this.#arena.retire(product, gateway);
    if (gateway.length > 0 || uploads) await this.#arena.openGateway();
    await this.#takeSamples(gateway);
    if (uploads) await this.#measureUploads();
    if (!referencesOnly && this.#wants('token-check')) await this.#checkTokens();
    if (!referencesOnly && this.#wants('cache-get')) await this.#readCaches();
    if (!referencesOnly && this.#wants('cache-policy')) await this.#comparePolicies();
    return this.#report([...product, ...gateway]);
  }

  async #open(scenarios: Scenario[]): Promise<void> {
    const { main, referencesOnly, profile } = this.#options;
    await this.#arena.open({
      scenarios,
      cores: this.#cores,
      main: referencesOnly ? undefined : main,
      profile: profile !== undefined,
      log,
    });
  }

  async #measureProduct(scenarios: Scenario[]): Promise<void> {
    log('counting the statements of each request');
    for (const scenario of scenarios) {
      const counted: Report['statements'] = [];
      for (const contestant of (scenario.sameStatements ?? []).filter((name) => this.#arena.contestants.has(name))) {
        const statements = await this.#arena.statementsOf(scenario, contestant);
        counted.push({ scenario: scenario.name, contestant, statements });
      }
      assertSameStatements(counted);
      this.#statements.push(...counted);
    }
    await this.#takeSamples(scenarios);
  }

  /** @param seconds of one sample */
  #meter(seconds: number): Meter {
    const { warmup, quick } = this.#options;
    const firstWarmup = quick ? warmup : FIRST_WARMUP * warmup;
    return new Meter(this.#arena.load, { seconds, warmup, firstWarmup, cores: this.#cores });
  }

  async #takeSamples(scenarios: readonly Scenario[]): Promise<void> {
    if (scenarios.length === 0) return;
    const { rounds, turns, seconds } = this.#options;
    const meter = this.#meter(seconds / turns);
    for (let round = 0; round < rounds; round += 1) {
      const plans = await this.#arena.plans();
      for (const scenario of scenarios) {
        for (let turn = 0; turn < turns; turn += 1)
          await this.#takeTurn(meter, scenario, plans[scenario.name], { round, turn });
      }
    }
  }

  async #takeTurn(meter: Meter, scenario: Scenario, plan: RequestPlan, at: Moment): Promise<void> {
    const { contestants } = this.#arena;
    const present = scenario.contestants.filter((name) => contestants.has(name));
    for (const name of rotate(present, at.round + at.turn)) {
      const served = contestants.get(name);
      if (served === undefined) continue;
      const onlooker = name === 'gateway-mtls' ? this.#countHandshakes() : undefined;
      const sample = await meter.sample(scenario, name, served, plan, at, onlooker);
      this.#samples.push(sample);
      log(`round ${at.round + 1}/${this.#options.rounds}  ${sampleLine(sample)}`);
    }
  }

  #countHandshakes(): Onlooker {
    const { gateway } = this.#arena;
    let before = 0;
    const count = async () => {
      const { full, resumed } = await gateway.handshakes();
      return full + resumed;
    };
    return {
      begin: async () => {
        before = await count();
      },
      end: async () => {
        this.#handshakes += (await count()) - before;
      },
    };
  }

  async #measureUploads(): Promise<void> {
    const { rounds, quick } = this.#options;
    const bytes = quick ? QUICK_UPLOAD_BYTES : UPLOAD_BYTES;
    const token = () => this.#arena.product.readerToken();
    const samples = await measureUploads({ stage: this.#arena.gateway, token, rounds, bytes, log });
    this.#verdicts.push(judgeUploads(samples));
    this.#trials.push(uploadSection(samples, bytes));
  }

  async #checkTokens(): Promise<void> {
    const { main, rounds, quick } = this.#options;
    log('checking tokens');
    const ms = quick ? QUICK_CHECK_MS : CHECK_MS;
    const samples = await measureTokenChecks({ main, cores: this.#cores, rounds, ms });
    this.#verdicts.push(judgeTokenChecks(samples));
    this.#trials.push(tokenCheckSection(samples));
  }

  async #readCaches(): Promise<void> {
    const { main, rounds, quick } = this.#options;
    log('reading from caches');
    const ms = quick ? QUICK_CHECK_MS : CHECK_MS;
    const samples = await measureReads({ main, cores: this.#cores, rounds, ms });
    this.#verdicts.push(...judgeReads(samples));
    this.#cacheTrials.push(readSection(samples));
  }

  async #comparePolicies(): Promise<void> {
    const { main, rounds, quick } = this.#options;
    log('comparing cache policies');
    const ms = quick ? QUICK_POLICY_MS : POLICY_MS;
    const results = await measurePolicies({ main, cores: this.#cores, rounds, ms });
    this.#verdicts.push(judgePolicies(results));
    this.#cacheTrials.push(policySection(results));
  }

  #report(scenarios: readonly Scenario[]): boolean {
    const arena = this.#arena;
    const { options, samples } = { options: this.#options, samples: this.#samples };
    const results = scenarios.map((scenario) => summarise(scenario, samples)).filter(({ rows }) => rows.length > 0);
    const secure = samples.filter(({ contestant }) => contestant === 'gateway-mtls');
    if (secure.length > 0) {
      const requests = secure.reduce((sum, sample) => sum + sample.requests, 0);
      const per10k = (this.#handshakes * 10_000) / requests;
      this.#verdicts.unshift(verdict('T1 mtls-get: TLS handshakes per 10,000 requests', per10k, HANDSHAKES));
    }
    const verdicts = [...judge(results, arena.idleRss), ...this.#verdicts];
    const version = arena.databaseVersion;
    const report: Report = {
      command: options.command,
      date: new Date(),
      facts: [...machineFacts(), ...(version === undefined ? [] : [`PostgreSQL ${version}`]), ...arena.facts()],
      pinned: this.#cores !== undefined,
      rounds: options.rounds,
      turns: options.turns,
      seconds: options.seconds,
      results,
      verdicts,
      idleRss: arena.idleRss,
      finalRss: new Map([...arena.contestants].map(([name, { pids }]) => [name, sum(pids.map(rssMb))])),
      statements: this.#statements,
      trials: this.#trials,
      cacheTrials: this.#cacheTrials,
      runMinutes: (performance.now() - startedAt) / 60_000,
    };
    const sections = [...results.map(scenarioSection), ...this.#trials, ...this.#cacheTrials, verdictTable(verdicts)];
    process.stdout.write(`\n${sections.join('\n\n')}\n`);
    for (const { scenario, contestant, kind, count } of errorKinds(samples))
      log(`${scenario}, ${contestant}: ${count} × ${kind}`);
    if (options.out === undefined) {
      log('not a complete run, so no report is written; --out=FILE writes one');
    } else {
      writeFileSync(options.out, markdownReport(report));
      log(`report: ${relative(process.cwd(), options.out)}`);
    }
    return verdicts.every(({ met, informative }) => met || informative === true);
  }

  /** One sample of Nexus alone, with a CPU profile of every process that takes part. */
  async profile(scenario: Scenario): Promise<void> {
    await this.#open([scenario]);
    if (GATEWAY_SCENARIOS.includes(scenario)) await this.#arena.openGateway();
    const plan = (await this.#arena.plans())[scenario.name];
    for (const name of scenario.contestants.filter((one) => PROFILED_CONTESTANTS.has(one))) {
      const subject = this.#arena.contestants.get(name);
      if (subject === undefined) continue;
      const inspectors: Inspector[] = [];
      for (const pid of subject.pids) {
        const port = this.#arena.processes.get(pid)?.inspectPort;
        if (port !== undefined) inspectors.push(await Inspector.attach(HOST, port));
      }
      const profiles: Awaited<ReturnType<Inspector['stop']>>[] = [];
      const onlooker: Onlooker = {
        begin: () => Promise.all(inspectors.map((inspector) => inspector.start())),
        end: async () => {
          for (const inspector of inspectors) profiles.push(await inspector.stop());
        },
      };
      const sample = await this.#meter(this.#options.seconds).sample(scenario, name, subject, plan, START, onlooker);
      for (const inspector of inspectors) inspector.close();
      for (const [index, profile] of profiles.entries()) this.#showProfile(sample, profile, index);
    }
  }

  #showProfile(sample: Sample, profile: Parameters<typeof summariseProfile>[0], index: number): void {
    const { out } = this.#options;
    const title = `### ${sample.scenario}: ${CONTESTANT_TITLES[sample.contestant]}, process ${index + 1}`;
    const requests = `${sample.requests} requests, ${sample.cpuMicros.toFixed(1)} µs of CPU each with the profiler on`;
    process.stdout.write(`\n${title}\n\n${requests}\n\n${profileTables(summariseProfile(profile), sample.requests)}\n`);
    if (out === undefined) return;
    const file = `${out.replace(/\.cpuprofile$/, '')}-${sample.contestant}-${index + 1}.cpuprofile`;
    writeFileSync(file, JSON.stringify(profile));
    log(`profile: ${relative(process.cwd(), file)}`);
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** @returns whether every target is met */
export async function bench(arena: Arena, options: Options): Promise<boolean> {
  const cores = takeCores();
  if (cores === undefined) log('no taskset, or one core: the processes are not pinned');
  const run = new Run(arena, options, cores);
  const { profile } = options;
  if (profile === undefined) return run.measure();
  const scenario = [...PRODUCT_SCENARIOS, ...GATEWAY_SCENARIOS].find(({ name }) => name === profile);
  if (scenario !== undefined) await run.profile(scenario);
  return true;
}
