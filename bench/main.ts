import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Arena } from './arena.ts';
import { type Cores, machineFacts, rssMb, takeCores } from './machine.ts';
import { Meter, type Sample } from './measure.ts';
import { type Options, readOptions, USAGE, UsageError } from './options.ts';
import { markdownReport, type Report, scenarioSection, verdictTable } from './report.ts';
import { assertSameStatements, errorKinds, judge, summarise } from './results.ts';
import { SCENARIOS, type Scenario } from './scenarios.ts';
import { rotate } from './statistics.ts';

const RESULTS = fileURLToPath(new URL('./results.md', import.meta.url));
const MAIN = fileURLToPath(new URL('../dist/apps/main.js', import.meta.url));
/** How much longer than all others the warm-up of the first round is. */
const FIRST_WARMUP = 5;
const startedAt = performance.now();

function log(line: string): void {
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0).padStart(4);
  process.stderr.write(`${seconds} s  ${line}\n`);
}

async function takeSamples(arena: Arena, scenarios: readonly Scenario[], options: Options, cores: Cores | undefined) {
  const { seconds, warmup, quick } = options;
  const meter = new Meter(arena.load, { seconds, warmup, firstWarmup: quick ? warmup : FIRST_WARMUP * warmup, cores });
  const samples: Sample[] = [];
  for (let round = 0; round < options.rounds; round += 1) {
    const plans = await arena.plans();
    for (const scenario of scenarios) {
      for (const name of rotate(present(arena, scenario), round)) {
        const served = arena.contestants.get(name);
        if (served === undefined) continue;
        const sample = await meter.sample(scenario, name, served, plans[scenario.name], round);
        samples.push(sample);
        const errors = Object.entries(sample.errors).map(([kind, count]) => `, ${count} × ${kind}`);
        if (sample.restless) errors.push(', still busy 20 s later');
        log(
          `round ${round + 1}/${options.rounds}  ${scenario.name.padEnd(10)}  ${name.padEnd(14)}` +
            `${sample.cpuMicros.toFixed(1).padStart(9)} µs/request${sample.requestsPerSecond.toFixed(0).padStart(8)} requests/s${errors.join('')}`,
        );
      }
    }
  }
  return samples;
}

async function statements(arena: Arena, scenarios: readonly Scenario[]): Promise<Report['statements']> {
  const list: Report['statements'] = [];
  for (const scenario of scenarios.filter(({ reference }) => reference === 'raw-fastify-pg')) {
    const counted: Report['statements'] = [];
    for (const contestant of present(arena, scenario)) {
      counted.push({ scenario: scenario.name, contestant, statements: await arena.statementsOf(scenario, contestant) });
    }
    assertSameStatements(counted);
    list.push(...counted);
  }
  return list;
}

function present(arena: Arena, scenario: Scenario) {
  return scenario.contestants.filter((name) => arena.contestants.has(name));
}

async function bench(arena: Arena, options: Options): Promise<boolean> {
  const cores = takeCores();
  if (cores === undefined) log('no taskset, or one core: the processes are not pinned');
  const scenarios = SCENARIOS.filter(({ name }) => options.only.includes(name));
  await arena.open({ scenarios, cores, main: options.referencesOnly ? undefined : options.main, log });
  log('counting the statements of each request');
  const counted = await statements(arena, scenarios);
  const samples = await takeSamples(arena, scenarios, options, cores);
  const results = scenarios.map((scenario) => summarise(scenario, samples)).filter(({ rows }) => rows.length > 0);
  const report: Report = {
    command: options.command,
    date: new Date(),
    facts: [...machineFacts(), `PostgreSQL ${arena.database.version}`],
    pinned: cores !== undefined,
    rounds: options.rounds,
    seconds: options.seconds,
    results,
    verdicts: judge(results, arena.idleRss),
    idleRss: arena.idleRss,
    finalRss: new Map([...arena.contestants].map(([name, { pid }]) => [name, rssMb(pid)])),
    statements: counted,
    runMinutes: (performance.now() - startedAt) / 60_000,
  };
  process.stdout.write(`\n${results.map(scenarioSection).join('\n\n')}\n\n${verdictTable(report.verdicts)}\n`);
  for (const { scenario, contestant, kind, count } of errorKinds(samples))
    log(`${scenario}, ${contestant}: ${count} × ${kind}`);
  if (options.out === undefined) {
    log('not a complete run, so no report is written; --out=FILE writes one');
  } else {
    writeFileSync(options.out, markdownReport(report));
    log(`report: ${relative(process.cwd(), options.out)}`);
  }
  return report.verdicts.every(({ met }) => met);
}

async function main(): Promise<number> {
  const args = process.argv.slice(2);
  if (args.includes('--help')) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  const options = readOptions(args, { out: RESULTS, main: MAIN });
  const arena = new Arena();
  let interrupted = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      interrupted = true;
      log('interrupted, stopping');
      // What is being measured loses its processes and fails; the end below then stops what was still starting.
      arena.close().catch(() => undefined);
    });
  }
  try {
    const met = await bench(arena, options);
    return met || !options.check ? 0 : 1;
  } catch (error) {
    if (interrupted) return 130;
    throw error;
  } finally {
    await arena.close();
  }
}

// A reader that went away (`| head`) must not end the run before everything is stopped.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);
try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  if (error instanceof UsageError) process.stderr.write(`\n${USAGE}\n`);
  process.exitCode = 1;
}
