import { AsyncLocalStorage } from 'node:async_hooks';
import type pg from 'pg';
import { DataSource, type EntityManager, type EntitySchema, type QueryRunner } from 'typeorm';
import type { BudgetedPool, ConnectionBudget } from './connection-budget.js';
import { preparedText } from './prepared-text.js';
import { type Row, Statement } from './statement.js';

export type { Row };

/** Statements on one connection, or on whichever is free. */
export interface Sql {
  /**
   * Runs a statement of fixed text as a named prepared statement: planned once per connection. Outside a transaction
   * one that only reads may share a connection with others like it, and may be run twice if the connection is held up.
   */
  prepared<R extends object = Row>(text: string, values?: readonly unknown[]): Promise<R[]>;
  /** Runs a statement whose text is composed (filters, sorting). */
  query<R extends object = Row>(text: string, values?: readonly unknown[]): Promise<R[]>;
}

/** A running transaction. Everything done through it is kept or lost together. */
export interface Transaction extends Sql {
  /** TypeORM's view of the same transaction. */
  readonly manager: EntityManager;
  /** Runs after the commit, in order; not at all after a rollback. Must not throw for the change's sake: it is made. */
  afterCommit(action: () => void | Promise<void>): void;
}

export interface DatabaseOptions {
  /** Service name: also the schema and, with `role`, the suffix of the role. */
  readonly schema: string;
  readonly url: string;
  readonly budget: ConnectionBudget;
  readonly acquireTimeoutMs: number;
  readonly statementTimeoutMs: number;
  /** Role that every connection takes on (least privilege), when the login may. */
  readonly role?: string;
  readonly entities?: readonly (EntitySchema | (new (...args: never[]) => object))[];
  /** The pg-like driver that makes pools within the budget. */
  readonly driver: object;
}

/** The rows of a text of one statement or, where it has no values, of several: pg then gives one result for each. */
function rowsOf<R extends object>(result: pg.QueryResult | pg.QueryResult[]): R[] {
  return Array.isArray(result) ? result.flatMap(({ rows }) => rows as R[]) : (result.rows as R[]);
}

class RunningTransaction implements Transaction {
  readonly actions: (() => void | Promise<void>)[] = [];
  constructor(
    private readonly client: pg.ClientBase,
    private readonly runner: QueryRunner,
  ) {}

  get manager(): EntityManager {
    return this.runner.manager;
  }

  prepared<R extends object>(text: string, values: readonly unknown[] = []): Promise<R[]> {
    return Statement.run(this.client, preparedText(text), values) as Promise<R[]>;
  }

  async query<R extends object>(text: string, values: readonly unknown[] = []): Promise<R[]> {
    return rowsOf<R>(await this.client.query(text, values as unknown[]));
  }

  afterCommit(action: () => void | Promise<void>): void {
    this.actions.push(action);
  }
}

/**
 * The data of one service: its schema, its role, its share of the process's connections.
 */
export class Database implements Sql {
  private readonly ambient = new AsyncLocalStorage<RunningTransaction>();

  private constructor(
    readonly schema: string,
    readonly dataSource: DataSource,
    private readonly pool: BudgetedPool,
  ) {}

  /** @throws Error when PostgreSQL cannot be reached */
  static async open(options: DatabaseOptions): Promise<Database> {
    const dataSource = new DataSource({
      type: 'postgres',
      url: options.url,
      schema: options.schema,
      applicationName: `nexus-${options.schema}`,
      connectTimeoutMS: options.acquireTimeoutMs,
      entities: [...(options.entities ?? [])] as never[],
      driver: options.driver,
      installExtensions: false,
      extra: {
        budget: options.budget,
        poolName: options.schema,
        idleTimeoutMillis: 30_000,
        maxLifetimeSeconds: 1800,
        statement_timeout: options.statementTimeoutMs,
        idle_in_transaction_session_timeout: 60_000,
        keepAlive: true,
        options: options.role ? `-c role=${options.role}` : undefined,
      },
      poolErrorHandler: () => undefined,
    });
    await dataSource.initialize();
    const pool = (dataSource.driver as unknown as { master: BudgetedPool }).master;
    return new Database(options.schema, dataSource, pool);
  }

  prepared<R extends object = Row>(text: string, values: readonly unknown[] = []): Promise<R[]> {
    const running = this.ambient.getStore();
    if (running) return running.prepared<R>(text, values);
    return this.pool.shared.run(preparedText(text), values) as Promise<R[]>;
  }

  async query<R extends object = Row>(text: string, values: readonly unknown[] = []): Promise<R[]> {
    const running = this.ambient.getStore();
    if (running) return running.query<R>(text, values);
    return rowsOf<R>(await this.pool.query(text, values as unknown[]));
  }

  /**
   * Runs `work` in one transaction (READ COMMITTED). Inside a request with an idempotency key the whole
   * request is one transaction already; then `work` joins it.
   */
  async transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    const running = this.ambient.getStore();
    if (running) return work(running);
    return this.begin((tx) => work(tx));
  }

  /** As {@link transaction}, and every call of this database made inside `work` joins it. */
  async ambientTransaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.begin((tx) => this.ambient.run(tx, () => work(tx)));
  }

  private async begin<T>(work: (tx: RunningTransaction) => Promise<T>): Promise<T> {
    const runner = this.dataSource.createQueryRunner();
    let tx: RunningTransaction;
    let result: T;
    try {
      const client = (await runner.connect()) as pg.ClientBase;
      await runner.startTransaction();
      tx = new RunningTransaction(client, runner);
      try {
        result = await work(tx);
        await runner.commitTransaction();
      } catch (error) {
        if (runner.isTransactionActive) await runner.rollbackTransaction().catch(() => undefined);
        throw error;
      }
    } finally {
      await runner.release();
    }
    // Outside the ambient transaction: what follows the commit must not run on the released connection.
    await this.ambient.exit(async () => {
      for (const action of tx.actions) await action();
    });
    return result;
  }

  /** Cheap proof that the database answers. */
  async ping(): Promise<void> {
    await this.pool.query('SELECT 1');
  }

  async close(): Promise<void> {
    await this.dataSource.destroy();
  }
}
