import pg from 'pg';
import { SharedConnections } from './shared-connections.js';

/** What pg-pool keeps privately and the budget has to see; held against the pinned version by the spec. */
interface PoolInternals {
  _pendingQueue: unknown[];
  _idle: { client: pg.PoolClient }[];
  _pulseQueue(): void;
  _remove(client: pg.PoolClient, callback?: () => void): void;
}

const removeFromPool = (pg.Pool.prototype as unknown as PoolInternals)._remove;

/** A pool that waits for so long without getting any connection takes one wherever one idles, in ms. */
const PATIENCE_MS = 100;
/** A pool that was asked for nothing for so long can do without what idles in it, in ms. */
const QUIET_MS = 1_000;

/**
 * The connections of one process, shared by all its pools. A pool is full when the process is; a pool that
 * waits takes the place of a connection that idles in another pool.
 *
 * It takes only from a pool that is quiet or holds more than it has itself, unless it is given nothing at all: a new
 * connection means a new process of PostgreSQL, and pools that are all busy, the job queue's among them, would
 * otherwise take each other's connections in the moments between two statements.
 */
export class ConnectionBudget {
  private readonly pools = new Set<BudgetedPool>();
  private scheduled = false;
  private patience: NodeJS.Timeout | undefined;

  constructor(
    /** Most connections open at once. */
    readonly max: number,
  ) {}

  /** Connections open now, over all pools; one that is being closed counts until it is gone. */
  get used(): number {
    let sum = 0;
    for (const pool of this.pools) sum += pool.totalCount + pool.closing;
    return sum;
  }

  get exhausted(): boolean {
    return this.used >= this.max;
  }

  join(pool: BudgetedPool): void {
    this.pools.add(pool);
  }

  leave(pool: BudgetedPool): void {
    this.pools.delete(pool);
  }

  /** Figures per pool, for metrics. */
  stats(): { name: string; open: number; idle: number; waiting: number }[] {
    return [...this.pools].map((pool) => ({
      name: pool.poolName,
      open: pool.totalCount,
      idle: pool.idleCount,
      waiting: pool.shared.waitingCallers,
    }));
  }

  /** Has {@link rebalance} run once this turn of the event loop is over, however often it is asked for. */
  schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.rebalance();
    });
  }

  /** Lets waiting pools use free places, closing connections that idle elsewhere where there are none. */
  rebalance(): void {
    let held = false;
    for (const pool of this.pools) {
      const inner = pool as unknown as PoolInternals;
      if (inner._pendingQueue.length === 0) continue;
      if (inner._idle.length > 0 || !this.exhausted) {
        inner._pulseQueue();
        continue;
      }
      const donor = this.donorFor(pool);
      const idle = donor && (donor as unknown as PoolInternals)._idle[0];
      if (idle) (donor as unknown as PoolInternals)._remove(idle.client, () => this.rebalance());
      else held = true;
    }
    if (held && this.patience === undefined) {
      this.patience = setTimeout(() => this.lookAgain(), PATIENCE_MS).unref();
    }
  }

  private lookAgain(): void {
    this.patience = undefined;
    this.rebalance();
  }

  private donorFor(pool: BudgetedPool): BudgetedPool | undefined {
    const now = performance.now();
    const starving = pool.totalCount === 0 || now - pool.servedAt > PATIENCE_MS;
    let best: BudgetedPool | undefined;
    for (const other of this.pools) {
      if (other === pool || other.idleCount <= other.waitingCount) continue;
      const spares = other.totalCount >= pool.totalCount + 2 || now - other.servedAt > QUIET_MS;
      if (!starving && !spares) continue;
      if (!best || other.totalCount > best.totalCount) best = other;
    }
    return best;
  }
}

/** A `pg.Pool` that counts against a {@link ConnectionBudget}. */
export class BudgetedPool extends pg.Pool {
  readonly poolName: string;
  /** When it last gave a connection to somebody (`performance.now`). */
  servedAt = performance.now();
  /** Connections that are being closed. */
  closing = 0;
  /** Those of its connections that statements share. */
  readonly shared: SharedConnections;
  private readonly budget: ConnectionBudget;

  constructor(options: pg.PoolConfig & { budget: ConnectionBudget; poolName: string }) {
    const { budget, poolName, ...rest } = options;
    super({ ...rest, max: budget.max });
    this.budget = budget;
    this.poolName = poolName;
    this.shared = new SharedConnections(this, rest.connectionTimeoutMillis ?? 0);
    budget.join(this);
    // Between being given and being listened to by its taker, a client whose server says goodbye must not end the process.
    this.on('connect', (client) => client.on('error', () => undefined));
    this.on('acquire', () => {
      this.servedAt = performance.now();
    });
    this.on('release', () => {
      budget.schedule();
      this.shared.heed();
    });
    this.on('remove', () => budget.rebalance());
  }

  /** pg-pool forgets a connection here at once; the server has it until the callback. */
  _remove(client: pg.PoolClient, callback?: () => void): void {
    this.closing++;
    removeFromPool.call(this, client, () => {
      this.closing--;
      this.budget.schedule();
      callback?.();
    });
  }

  /** pg-pool asks this before it opens a connection. */
  _isFull(): boolean {
    return this.budget.exhausted;
  }

  override connect(): Promise<pg.PoolClient>;
  override connect(
    callback: (err: Error | undefined, client: pg.PoolClient | undefined, done: (release?: unknown) => void) => void,
  ): void;
  override connect(
    callback?: (err: Error | undefined, client: pg.PoolClient | undefined, done: (release?: unknown) => void) => void,
  ): Promise<pg.PoolClient> | void {
    this.shared.giveBackUnused();
    const result = callback ? super.connect(callback) : super.connect();
    if (this.waitingCount > 0) this.budget.schedule();
    return result;
  }

  override end(): Promise<void>;
  override end(callback: () => void): void;
  override end(callback?: () => void): Promise<void> | void {
    this.shared.close();
    const ended = super.end().then(() => this.budget.leave(this));
    if (!callback) return ended;
    ended.then(callback, callback);
  }
}
