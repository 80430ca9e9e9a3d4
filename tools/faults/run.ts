import { setTimeout as sleep } from 'node:timers/promises';
import { type Fault, inject } from './fault-list.ts';
import { KINDS } from './load/findings.ts';
import { LoadProcess } from './load/load-process.ts';
import { Platform, type PlatformOptions } from './platform.ts';
import { detailLines, HEAD, type Row, rowLine, violations } from './report.ts';

export interface RunOptions extends PlatformOptions {
  /** In this order. */
  readonly faults: readonly Fault[];
  readonly seed: number;
  /** Of the load, in requests per second. */
  readonly rate: number;
  /** Whether to say what went wrong during each fault, and to keep the logs. */
  readonly verbose: boolean;
  readonly print: (line: string) => void;
  /** Ends the run. */
  readonly signal: AbortSignal;
}

const CLIENTS = 24;
const LOOK_MS = 100;
/** A platform that has not come back so long after its bound does not. */
const HOPELESS_MS = 30_000;
const STEADY_MS = 30_000;
const SHOWN = 10;

/** One shape of the platform, one fault after the other, under load. */
class Run {
  readonly #options: RunOptions;
  readonly #platform: Platform;
  readonly #load = new LoadProcess();
  readonly #violations: string[] = [];

  constructor(options: RunOptions, platform: Platform) {
    this.#options = options;
    this.#platform = platform;
  }

  /** @returns what must not have happened */
  async all(): Promise<readonly string[]> {
    const { faults, seed, rate, verbose, print, signal } = this.#options;
    await this.#load.ask('open', { plan: { url: this.#platform.url, clients: CLIENTS, rate, seed } });
    if ((await this.#recovered(Date.now(), STEADY_MS)) === undefined)
      throw new Error('the platform was not well before anything was done to it');
    print(HEAD);
    for (const fault of faults) {
      signal.throwIfAborted();
      if (fault.trouble === 'full' && !this.#platform.disk(fault.target).isMounted) {
        print(`${fault.name}: left out, for want of the right to mount a small disk`);
        continue;
      }
      const row = await this.#one(fault);
      print(rowLine(row));
      if (verbose) for (const line of detailLines(row)) print(line);
      this.#violated(violations(row));
      if (row.recoveryMs === undefined) break;
    }
    await this.#close();
    return this.#violations;
  }

  end(): void {
    this.#load.end();
  }

  async #one(fault: Fault): Promise<Row> {
    const from = Date.now();
    const remark = await inject(fault, this.#platform);
    const to = Date.now();
    const upMs = this.#untilUp(fault, to);
    const at = await this.#recovered(to, fault.withinSeconds * 1_000 + HOPELESS_MS);
    const during = await this.#load.ask('span', { from, to: at ?? Date.now() });
    const findings = await this.#load.ask('audit', {});
    const ended = [...this.#platform.parts.values()].flatMap(({ name, unexpected }) => {
      const endings = unexpected.splice(0);
      return fault.mayEnd.includes(name) ? [] : endings.map((how) => `${name} ended by itself (${how})`);
    });
    const remarks = [...(remark ? [remark] : []), ...ended];
    return { fault, during, upMs: await upMs, recoveryMs: at === undefined ? undefined : at - to, findings, remarks };
  }

  /** How long what was ended is away, in ms; undefined where nothing was ended, or it does not come back. */
  async #untilUp({ target, trouble }: Fault, from: number): Promise<number | undefined> {
    if (trouble !== 'term' && trouble !== 'kill') return undefined;
    const late = sleep(HOPELESS_MS, 'late' as const, { ref: false });
    return (await Promise.race([this.#platform.part(target).running(), late])) === 'late'
      ? undefined
      : Date.now() - from;
  }

  async #close(): Promise<void> {
    const { print } = this.#options;
    const { findings, deliveredMs, people, projects, files, writes } = await this.#load.ask('close', {});
    print(
      `at the end: ${people} people, ${projects} projects, ${files} files, ${writes} acknowledged writes read back; ` +
        `the last mail and note had come ${deliveredMs} ms after it; ` +
        KINDS.map((kind) => `${kind} ${findings[kind].length}`).join(', '),
    );
    this.#violated(KINDS.flatMap((kind) => findings[kind].map((sentence) => `at the end: ${kind}: ${sentence}`)));
  }

  #violated(sentences: readonly string[]): void {
    this.#violations.push(...sentences);
    for (const sentence of sentences.slice(0, SHOWN)) this.#options.print(`  ! ${sentence}`);
    if (sentences.length > SHOWN) this.#options.print(`  ! and ${sentences.length - SHOWN} more`);
  }

  async #recovered(from: number, ms: number): Promise<number | undefined> {
    const deadline = from + ms;
    for (;;) {
      this.#options.signal.throwIfAborted();
      const at = await this.#load.ask('recovered', { from });
      if (at !== null) return at;
      if (Date.now() > deadline) return undefined;
      await sleep(LOOK_MS);
    }
  }
}

/**
 * Starts a platform, and does to it one thing after the other.
 * @returns what must not have happened
 * @throws Error when the platform or the load could not be started, or the run is to end; nothing is left running
 */
export async function runShape(options: RunOptions): Promise<readonly string[]> {
  const platform = await Platform.start(options);
  const run = new Run(options, platform);
  let found: readonly string[] | undefined;
  try {
    found = await run.all();
    return found;
  } finally {
    run.end();
    const isTelling = found === undefined ? !options.signal.aborted : found.length > 0;
    const keepLogs = options.verbose || isTelling;
    await platform.stop(keepLogs);
    if (keepLogs) options.print(`what the parts said is in ${platform.logs}`);
  }
}
