import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';

/** A kind of request that a load is mixed of. */
export interface LoadKind {
  readonly name: string;
  /** Of all requests; the shares add up to 1. */
  readonly share: number;
  /** Method, path and lines of the head. */
  readonly method: string;
  readonly path: string;
  readonly fields?: readonly string[];
  /** JSON. */
  readonly body?: string;
}

/** What to send. */
export interface LoadPhase {
  readonly turn: number;
  /** Requests per second, whatever becomes of them; 0: as many as 32 connections can, one after the other. */
  readonly rate: number;
  readonly seconds: number;
}

/** What became of it. */
export interface LoadCounts {
  readonly sent: Record<string, number>;
  /** Answered 200, 201 or 204 within 10 s, by kind. */
  readonly good: Record<string, number>;
  readonly statuses: Record<string, number>;
  /** The longest that one of those took, in ms. */
  slowestMs: number;
  seconds: number;
}

const GOOD = new Set(['200', '201', '204']);
/** As long as the platform takes for a request at most, where a route says nothing else. */
const PATIENCE_MS = 10_000;
const JSON_TYPE = 'content-type: application/json';
const CLOSED_LOOP = 32;
/**
 * All of them are open before the load begins: Node takes one new connection in a turn of its event loop
 * (https://github.com/libuv/libuv/pull/3696), so that a load of new ones would be held up before it reaches the server.
 */
export const CONNECTIONS = 2_500;

interface Connection {
  send(kind: LoadKind): void;
}

const add = (counts: Record<string, number>, key: string) => {
  counts[key] = (counts[key] ?? 0) + 1;
};
const total = (counts: Record<string, number>) => Object.values(counts).reduce((sum, one) => sum + one, 0);

/** Sends a mix of requests to a port of this machine, each on a connection on which no other waits. */
class MixedLoad {
  private readonly idle: Connection[] = [];
  private counts: LoadCounts = { sent: {}, good: {}, statuses: {}, slowestMs: 0, seconds: 0 };
  private isGoingOn = false;

  constructor(
    private readonly port: number,
    private readonly kinds: readonly LoadKind[],
    private readonly connections: number,
  ) {}

  private pick(): LoadKind {
    let at = Math.random();
    for (const kind of this.kinds) {
      at -= kind.share;
      if (at < 0) return kind;
    }
    return this.kinds.at(-1) as LoadKind;
  }

  /**
   * Opens all connections, some at a time, and asks for something of the first kind on each: a server lets go of those
   * that have asked for nothing after a while.
   */
  async open(): Promise<void> {
    const opened: Connection[] = [];
    while (opened.length < this.connections)
      opened.push(...(await Promise.all(Array.from({ length: 100 }, () => this.connection()))));
    for (const one of opened) {
      one.send(this.kinds[0] as LoadKind);
      while (this.idle.length + 100 < total(this.counts.sent)) await wait(1);
    }
    while (this.idle.length < this.connections) await wait(1);
  }

  private connection(): Promise<Connection> {
    let running: { readonly kind: string; readonly at: number; readonly counts: LoadCounts } | undefined;
    let held = '';
    const socket = connect({ port: this.port, host: '127.0.0.1', noDelay: true });
    const one: Connection = {
      send: ({ name, method, path, fields = [], body }) => {
        const { counts } = this;
        running = { kind: name, at: performance.now(), counts };
        add(counts.sent, name);
        held = '';
        const content = body === undefined ? [] : [JSON_TYPE, `content-length: ${Buffer.byteLength(body)}`];
        const head = [`${method} ${path} HTTP/1.1`, 'host: load', ...fields, ...content].join('\r\n');
        socket.write(`${head}\r\n\r\n${body ?? ''}`);
      },
    };
    const over = (status: string) => {
      if (running === undefined) return;
      const { kind, at, counts } = running;
      running = undefined;
      const ms = performance.now() - at;
      add(counts.statuses, status);
      if (!GOOD.has(status) || ms > PATIENCE_MS) return;
      add(counts.good, kind);
      counts.slowestMs = Math.max(counts.slowestMs, ms);
    };
    socket.on('data', (chunk) => {
      held += chunk.toString('latin1');
      const end = held.indexOf('\r\n\r\n');
      if (end < 0 || held.length < end + 4 + Number(/content-length: (\d+)/i.exec(held)?.[1] ?? 0)) return;
      over(held.slice(9, 12));
      if (this.isGoingOn) one.send(this.pick());
      else this.idle.push(one);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      over('closed');
      const at = this.idle.indexOf(one);
      if (at >= 0) this.idle.splice(at, 1);
    });
    return new Promise((resolve) => socket.once('connect', () => resolve(one)));
  }

  private send(): void {
    const connection = this.idle.pop();
    if (connection !== undefined) connection.send(this.pick());
    else add(this.counts.sent, 'no connection');
  }

  async run({ rate, seconds }: LoadPhase): Promise<LoadCounts> {
    const counts: LoadCounts = { sent: {}, good: {}, statuses: {}, slowestMs: 0, seconds };
    this.counts = counts;
    const from = performance.now();
    const passed = () => (performance.now() - from) / 1_000;
    if (rate === 0) {
      this.isGoingOn = true;
      for (let count = 0; count < CLOSED_LOOP; count += 1) this.send();
      await wait(seconds * 1_000);
      this.isGoingOn = false;
    }
    for (let sent = 0; rate > 0 && passed() < seconds; await wait(2)) {
      for (const due = Math.floor(passed() * rate); sent < due; sent += 1) this.send();
    }
    counts.seconds = passed();
    const end = performance.now() + PATIENCE_MS;
    while (total(counts.statuses) < total(counts.sent) - (counts.sent['no connection'] ?? 0) && performance.now() < end)
      await wait(20);
    return counts;
  }
}

/** Runs phases told on standard input, one per line of JSON; tells `result <turn> <counts>` of each. */
export async function serveLoad(port: number, kinds: readonly LoadKind[], connections: number): Promise<void> {
  const load = new MixedLoad(port, kinds, connections);
  const tell = (line: string) => process.stdout.write(`${line}\n`);
  createInterface(process.stdin).on('line', (line) => {
    const phase = JSON.parse(line) as LoadPhase;
    void load.run(phase).then((counts) => tell(`result ${phase.turn} ${JSON.stringify(counts)}`));
  });
  await load.open();
  tell('ready');
}
