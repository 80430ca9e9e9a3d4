import { connect, type Socket } from 'node:net';
import { LatencyHistogram } from './histogram.ts';
import type { LoadPlan, LoadResult } from './protocol.ts';
import { RequestTemplate } from './request-template.ts';
import { ResponseScanner } from './response-scanner.ts';

/** All sockets read into one buffer: each read is scanned before the next one starts. */
const READ_BUFFER_BYTES = 65_536;
const CONNECT_DEADLINE_MS = 10_000;
/** How long responses may take after the stop before they count as lost. */
const DRAIN_DEADLINE_MS = 30_000;
/** A connection that fails this often in a row is given up: the server is not there. */
const MAX_FAILURES_IN_A_ROW = 20;

/**
 * A closed loop of keep-alive connections: each sends its next request as soon as the previous response is complete,
 * until {@link LoadRun.stop}. Responses still outstanding then are awaited and counted, so that `requests` is exactly
 * the work that the server was given.
 */
export class LoadRun {
  readonly plan: LoadPlan;
  readonly latencies = new LatencyHistogram();
  readonly errors: Record<string, number> = {};
  readonly readBuffer = Buffer.allocUnsafe(READ_BUFFER_BYTES);
  requests = 0;
  headMismatches = 0;
  running = false;
  #counter: number;
  #connections: Connection[] = [];
  #startedAt = 0;
  #startedCpu = process.cpuUsage();
  #onIdle: (() => void) | undefined;

  constructor(plan: LoadPlan) {
    if (plan.requests.length === 0) throw new Error('the load plan holds no request');
    this.plan = plan;
    this.#counter = plan.firstCounter;
  }

  /** Opens every connection. @throws when one of them cannot be opened within 10 s */
  async open(): Promise<void> {
    this.#connections = Array.from({ length: this.plan.connections }, (_, index) => new Connection(this, index));
    await Promise.all(this.#connections.map((connection) => connection.open()));
  }

  start(): void {
    this.#startedAt = performance.now();
    this.#startedCpu = process.cpuUsage();
    this.running = true;
    for (const connection of this.#connections) connection.begin();
  }

  /** Ends the loop, waits for the outstanding responses and closes the connections. */
  async stop(): Promise<LoadResult> {
    this.running = false;
    if (this.#connections.some((connection) => connection.busy)) {
      await new Promise<void>((resolve) => {
        const deadline = setTimeout(resolve, DRAIN_DEADLINE_MS);
        this.#onIdle = () => {
          clearTimeout(deadline);
          resolve();
        };
      });
    }
    const cpu = process.cpuUsage(this.#startedCpu);
    const wallMs = performance.now() - this.#startedAt;
    for (const connection of this.#connections) connection.close();
    return {
      requests: this.requests,
      wallMs,
      loadCpuMs: (cpu.user + cpu.system) / 1000,
      p50: this.latencies.quantile(0.5),
      p99: this.latencies.quantile(0.99),
      max: this.latencies.max,
      errors: this.errors,
      headMismatches: this.headMismatches,
      nextCounter: this.#counter,
    };
  }

  nextCounter(): number {
    const counter = this.#counter;
    this.#counter += 1;
    return counter;
  }

  count(error: string): void {
    this.errors[error] = (this.errors[error] ?? 0) + 1;
  }

  connectionIdle(): void {
    if (!this.#connections.some((connection) => connection.busy)) this.#onIdle?.();
  }
}

class Connection {
  readonly #run: LoadRun;
  readonly #templates: RequestTemplate[];
  #next: number;
  #socket: Socket | undefined;
  #scanner: ResponseScanner;
  #sentAt = 0;
  #inFlight = false;
  #failuresInARow = 0;

  constructor(run: LoadRun, index: number) {
    this.#run = run;
    const { host, port, requests, expectedHead } = run.plan;
    this.#templates = requests.map((spec) => new RequestTemplate(spec, `${host}:${port}`));
    this.#next = index % requests.length;
    this.#scanner = new ResponseScanner(expectedHead);
  }

  /** Whether a response is outstanding. */
  get busy(): boolean {
    return this.#inFlight;
  }

  open(): Promise<void> {
    const { host, port, expectedHead } = this.#run.plan;
    this.#scanner = new ResponseScanner(expectedHead);
    return new Promise((resolve, reject) => {
      const onread = { buffer: this.#run.readBuffer, callback: this.#received };
      const socket = connect({ host, port, noDelay: true, timeout: CONNECT_DEADLINE_MS, onread }, () => {
        socket.setTimeout(0);
        resolve();
      });
      this.#socket = socket;
      socket.on('timeout', () => socket.destroy(Object.assign(new Error('connect timed out'), { code: 'ETIMEDOUT' })));
      socket.on('error', (error: NodeJS.ErrnoException) => {
        reject(error);
        this.#lost(socket, `socket ${error.code ?? error.message}`);
      });
      socket.on('close', () => this.#lost(socket, 'socket closed before the response was complete'));
    });
  }

  /** Sends the first request; reconnects before it when the server has closed the idle connection. */
  begin(): void {
    if (this.#socket === undefined) this.#replace();
    else this.send();
  }

  send(): void {
    const template = this.#templates[this.#next] as RequestTemplate;
    this.#next = this.#next + 1 === this.#templates.length ? 0 : this.#next + 1;
    template.fill(this.#run.nextCounter());
    this.#inFlight = true;
    this.#sentAt = performance.now();
    this.#socket?.write(template.bytes);
  }

  close(): void {
    if (this.#inFlight) this.#run.count('timeout');
    this.#inFlight = false;
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.destroy();
  }

  readonly #received = (length: number, buffer: Uint8Array): boolean => {
    try {
      if (!this.#inFlight) throw new Error('framing: bytes without a request');
      if (this.#scanner.feed(buffer as Buffer, length)) this.#completed();
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error));
    }
    return true;
  };

  #completed(): void {
    const run = this.#run;
    run.latencies.record((performance.now() - this.#sentAt) * 1000);
    run.requests += 1;
    this.#inFlight = false;
    this.#failuresInARow = 0;
    if (this.#scanner.status !== run.plan.expectedStatus) run.count(`status ${this.#scanner.status}`);
    else if (!this.#scanner.headMatches) run.headMismatches += 1;
    if (this.#scanner.closing) this.#replace();
    else if (run.running) this.send();
    else run.connectionIdle();
  }

  /** The connection ended. Between requests a server may do that (keep-alive limits); during one it is an error. */
  #lost(socket: Socket, reason: string): void {
    if (socket !== this.#socket) return;
    if (this.#inFlight) this.#fail(reason);
    else this.#replace();
  }

  #fail(reason: string): void {
    this.#run.count(reason);
    this.#inFlight = false;
    this.#failuresInARow += 1;
    this.#replace();
  }

  #replace(): void {
    const old = this.#socket;
    this.#socket = undefined;
    old?.destroy();
    if (!this.#run.running) {
      this.#run.connectionIdle();
      return;
    }
    if (this.#failuresInARow >= MAX_FAILURES_IN_A_ROW) return;
    this.open().then(
      () => {
        if (this.#run.running) this.send();
        else this.close();
      },
      (error: NodeJS.ErrnoException) => this.#fail(`connect ${error.code ?? error.message}`),
    );
  }
}
