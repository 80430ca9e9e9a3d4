import type pg from 'pg';
import { type Lender, LentConnection } from './lent-connection.js';
import type { PreparedText } from './prepared-text.js';
import { type Row, Statement } from './statement.js';

/** Statements on one connection while the pool has another that idles. */
const SHALLOW = 4;
/** Most statements on one connection. */
const DEEP = 16;
/** How often connections are looked at, in ms. A statement that runs for so long (at most twice so) is slow. */
const LOOK_MS = 25;
/** A connection goes back to the pool after so many looks, also under steady load. */
const LENT_LOOKS = 4;
/**
 * Reads that may be run a second time for each that was answered, and at most at once: where all are slow, because the
 * database has too much to do, every repetition would make it more.
 */
const REPEATS = 0.2;
const MAX_REPEATS = 32;
/** After a connection could not be opened no further one is tried for so long while there are others, in ms. */
const REFUSED_MS = 250;

/** What is needed of the pool that connections are borrowed from. */
export interface LendingPool {
  readonly waitingCount: number;
  readonly idleCount: number;
  readonly ending: boolean;
  /** Whether no connection may be opened. */
  _isFull(): boolean;
  connect(callback: (error: Error | undefined, client: pg.PoolClient | undefined) => void): void;
}

/**
 * Prepared statements outside a transaction. Reads share connections: PostgreSQL answers them in turn, and a process
 * under load spends its time on the statements instead of on a write, a read and a hand-over for each.
 *
 * Where a read goes: to the first connection in use with fewer than {@link SHALLOW} on it; then to one that idles; then,
 * where none does, to the least used one up to {@link DEEP} (while another is being opened, if there may be one). When
 * all are full it waits, for as long as anybody waits for a connection. So a light load stays on one connection, a heavy
 * one on few, and the answers of one arrive together.
 *
 * What keeps this harmless:
 * - What may write or wait for locks has its connection alone, as a transaction has: see {@link PreparedText.reads}.
 * - A connection on which nothing was answered for {@link LOOK_MS} takes no more; what is stuck behind the slow
 *   statement waits for a connection like everybody else, with the same deadline, and is run on whichever is free
 *   first, that one included: once, and within a budget of {@link REPEATS}.
 * - While somebody waits for a connection alone, as many of the shared ones take no more until they are given back;
 *   and none is kept for longer than {@link LENT_LOOKS} looks, so that the pool can close it when it is old and another
 *   service can be given its place.
 *
 * The depths are measured, one row by key, CPU time of this process per statement against a connection for each: with
 * 16 callers 0.5 at a depth of 1, 0.35 at 4, 0.3 at 8; with 64 callers about 0.3 at any. Four keeps most of that, and
 * the reads that run for some ms (lists with their totals) in parallel.
 */
export class SharedConnections implements Lender {
  private readonly lent: LentConnection[] = [];
  private readonly waiting: Statement[] = [];
  /** Connections asked of the pool and not there yet. */
  private requested = 0;
  /** Until when no connection is opened that could be done without (`performance.now`). */
  private refusedUntil = 0;
  private timer: NodeJS.Timeout | undefined;
  private heeding = false;
  private repeats = MAX_REPEATS;
  /** Reads that were run a second time, ever. */
  repeated = 0;

  constructor(
    private readonly pool: LendingPool,
    /** How long a statement waits for a connection, in ms; 0 for ever. */
    private readonly acquireTimeoutMs: number,
  ) {}

  /** Who waits for a connection of the pool: callers that want one alone, and statements. */
  get waitingCallers(): number {
    return Math.max(0, this.pool.waitingCount - this.requested) + this.waiting.length;
  }

  run(prepared: PreparedText, values: readonly unknown[]): Promise<Row[]> {
    return new Promise((resolve, reject) => {
      const statement = new Statement(prepared, values, resolve, reject);
      if (!prepared.reads || this.pool.ending) return this.runAlone(statement);
      const connection = this.pick();
      if (connection) connection.send(statement);
      else this.wait(statement);
      this.watch();
    });
  }

  /** Lets go of connections that nothing is on, so that somebody who wants one alone need not open another. */
  giveBackUnused(): void {
    for (let i = this.lent.length - 1; i >= 0; i--) {
      const connection = this.lent[i] as LentConnection;
      if (connection.flight.length === 0) this.finished(connection);
    }
  }

  /** Fails what waits: the pool is being closed. What is on a connection is still answered. */
  close(): void {
    for (const statement of this.waiting.splice(0)) {
      statement.fail(new Error('Cannot use a pool after calling end on the pool'));
    }
    this.giveBackUnused();
  }

  landed(connection: LentConnection): void {
    this.repeats = Math.min(MAX_REPEATS, this.repeats + REPEATS);
    if (connection.flight.length === 0 && this.pool.waitingCount > 0) this.finished(connection);
    if (this.waiting.length > 0) this.serve();
  }

  finished(connection: LentConnection): void {
    const at = this.lent.indexOf(connection);
    if (at < 0) return;
    this.lent.splice(at, 1);
    connection.release();
    this.heed();
  }

  /** Serves what waits once this turn is over, when the pool and its budget have served whoever waits for them. */
  heed(): void {
    if (this.heeding || this.waiting.length === 0) return;
    this.heeding = true;
    setImmediate(() => {
      this.heeding = false;
      this.serve();
    });
  }

  private runAlone(statement: Statement): void {
    this.pool.connect((error, client) => {
      if (!client) return statement.fail(error ?? new Error('The pool gave no connection'));
      const connection = new LentConnection(client, {
        landed: () => connection.release(),
        finished: () => connection.release(),
      });
      connection.send(statement);
    });
  }

  /** Where a read may go now, by the rule above; undefined when it has to wait for a connection. */
  private pick(): LentConnection | undefined {
    // Those who want one alone and are not about to get one that idles: the ones lent for longest are for them.
    let leaving = this.pool.waitingCount - Math.max(this.requested, this.pool.idleCount);
    let best: LentConnection | undefined;
    for (const connection of this.lent) {
      if (connection.stalled || !connection.sound || connection.looks >= LENT_LOOKS) continue;
      if (leaving-- > 0) continue;
      const { length } = connection.flight;
      if (length < SHALLOW) return connection;
      if (length < DEEP && length < (best?.flight.length ?? DEEP)) best = connection;
    }
    if (this.pool.idleCount > this.requested) return undefined;
    if (best && this.requested === 0 && this.mayGrow()) this.request();
    return best;
  }

  private wait(statement: Statement): void {
    statement.since = performance.now();
    this.waiting.push(statement);
    this.requestForWaiting();
  }

  private mayGrow(): boolean {
    return !this.pool._isFull() && (this.lent.length === 0 || performance.now() >= this.refusedUntil);
  }

  /** Asks for connections for those who wait, where the pool has any to give or nothing is left to wait for. */
  private requestForWaiting(): void {
    while (this.requested * SHALLOW < this.waiting.length) {
      if (this.pool.idleCount <= this.requested && !this.mayGrow()) {
        const useful = this.lent.some((connection) => connection.sound && !connection.stalled);
        // One request stands in the pool's queue for all that have nothing else to hope for.
        if (useful || this.requested > 0 || !this.pool._isFull()) return;
      }
      this.request();
    }
  }

  private request(): void {
    this.requested++;
    this.pool.connect((error, client) => {
      this.requested--;
      if (client) {
        const connection = new LentConnection(client, this);
        this.lent.push(connection);
        this.watch();
        // Asked for in turn: whoever waits for a connection of their own has come later.
        this.serve(connection);
      } else this.refused(error ?? new Error('The pool gave no connection'));
    });
  }

  /** A connection that cannot be opened fails those who wait for it, unless they may still get another. */
  private refused(error: Error): void {
    if (error.message === 'timeout exceeded when trying to connect') {
      this.expire();
      this.heed();
      return;
    }
    this.refusedUntil = performance.now() + REFUSED_MS;
    if (this.lent.length > 0 || this.requested > 0) return;
    // One that was given back while this one was being opened serves them as well.
    if (this.pool.idleCount > 0) this.requestForWaiting();
    else for (const statement of this.waiting.splice(0)) statement.fail(error);
  }

  private serve(fresh?: LentConnection): void {
    const share = this.requested > 0 ? SHALLOW : DEEP;
    while (this.waiting.length > 0) {
      const next = this.waiting[0] as Statement;
      if (!next.settled) {
        const connection = fresh && fresh.flight.length < share ? fresh : this.pick();
        if (!connection) break;
        connection.send(next);
      }
      this.waiting.shift();
    }
    if (this.waiting.length > 0) this.requestForWaiting();
  }

  private watch(): void {
    if (this.timer === undefined) this.timer = setTimeout(this.onTimer, LOOK_MS).unref();
  }

  private readonly onTimer = (): void => {
    // What has arrived while this process was busy is read before the next immediate.
    setImmediate(() => {
      this.timer = undefined;
      this.look();
      if (this.lent.length > 0 || this.waiting.length > 0) this.watch();
    });
  };

  private look(): void {
    for (const connection of this.lent) {
      const stalledBefore = connection.stalled;
      if (!connection.look() || stalledBefore) continue;
      const stuck = connection.flight
        .slice(1)
        .filter((statement) => statement.mayRepeat)
        .slice(0, Math.floor(this.repeats));
      this.repeats -= stuck.length;
      this.repeated += stuck.length;
      const since = this.waiting[0]?.since ?? performance.now();
      const twins = stuck.map((statement) => statement.again());
      for (const twin of twins) twin.since = since;
      this.waiting.unshift(...twins);
    }
    this.expire();
    if (this.waiting.length > 0) this.serve();
  }

  private expire(): void {
    if (this.acquireTimeoutMs === 0) return;
    const before = performance.now() - this.acquireTimeoutMs;
    let expired = 0;
    while ((this.waiting[expired]?.since ?? Number.POSITIVE_INFINITY) <= before) expired++;
    for (const statement of this.waiting.splice(0, expired)) {
      statement.fail(new Error('timeout exceeded when trying to connect'));
    }
  }
}
