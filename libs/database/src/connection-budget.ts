import pg from 'pg';

/** What pg-pool keeps privately and the budget has to see; held against the pinned version by the spec. */
interface PoolInternals {
  _pendingQueue: unknown[];
  _idle: { client: pg.PoolClient }[];
  _pulseQueue(): void;
  _remove(client: pg.PoolClient, callback?: () => void): void;
}

/**
 * The connections of one process, shared by all its pools. A pool is full when the process is; a pool that
 * waits takes the place of a connection that idles in another pool.
 */
export class ConnectionBudget {
  private readonly pools = new Set<BudgetedPool>();

  constructor(
    /** Most connections open at once. */
    readonly max: number,
  ) {}

  /** Connections open now, over all pools. */
  get used(): number {
    let sum = 0;
    for (const pool of this.pools) sum += pool.totalCount;
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
      waiting: pool.waitingCount,
    }));
  }

  /** Lets waiting pools use free places, closing connections that idle elsewhere where there are none. */
  rebalance(): void {
    for (const pool of this.pools) {
      const inner = pool as unknown as PoolInternals;
      if (inner._pendingQueue.length === 0) continue;
      if (inner._idle.length > 0 || !this.exhausted) {
        inner._pulseQueue();
        continue;
      }
      const donor = [...this.pools].find((other) => other !== pool && other.idleCount > other.waitingCount);
      const idle = donor && (donor as unknown as PoolInternals)._idle[0];
      if (idle) (donor as unknown as PoolInternals)._remove(idle.client, () => this.rebalance());
    }
  }
}

/** A `pg.Pool` that counts against a {@link ConnectionBudget}. */
export class BudgetedPool extends pg.Pool {
  readonly poolName: string;
  private readonly budget: ConnectionBudget;

  constructor(options: pg.PoolConfig & { budget: ConnectionBudget; poolName: string }) {
    const { budget, poolName, ...rest } = options;
    super({ ...rest, max: budget.max });
    this.budget = budget;
    this.poolName = poolName;
    budget.join(this);
    this.on('release', () => setImmediate(() => budget.rebalance()));
    this.on('remove', () => budget.rebalance());
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
    const result = callback ? super.connect(callback) : super.connect();
    if ((this as unknown as PoolInternals)._pendingQueue.length > 0) this.budget.rebalance();
    return result;
  }

  override end(): Promise<void>;
  override end(callback: () => void): void;
  override end(callback?: () => void): Promise<void> | void {
    const ended = super.end().then(() => this.budget.leave(this));
    if (!callback) return ended;
    ended.then(callback, callback);
  }
}
