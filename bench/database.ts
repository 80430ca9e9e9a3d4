import { Client } from 'pg';
import { type Postgres, startPostgres } from '../tools/postgres/embedded.ts';

/** How many requests a look at the statements takes: enough to tell what a request does from what happens beside it. */
const WATCHED_REQUESTS = 20;

/** Under this role the reference works, so that its statements are told from those of the job queue. */
const REFERENCE_ROLE = 'bench_reference';

/** One statement and how often one request runs it. */
export interface StatementCount {
  /** PostgreSQL's own identity of a statement: the same for texts that mean the same. */
  id: string;
  text: string;
  perRequest: number;
}

/** The PostgreSQL of one run, and the benchmark's own connection to it. */
export class BenchDatabase {
  readonly url: string;
  readonly version: string;
  readonly client: Client;
  readonly #server: Postgres;

  private constructor(server: Postgres, version: string, client: Client) {
    this.url = server.url;
    this.version = version;
    this.client = client;
    this.#server = server;
  }

  /** Starts a new, empty database in `dataDir`, with the settings that Nexus runs its own one with. */
  static async start(dataDir: string): Promise<BenchDatabase> {
    // Statements can only be counted by a library that is loaded at the start, hence the two starts.
    const first = await startPostgres({ dataDir });
    await withClient(first.url, (client) =>
      client.query(`ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'`),
    );
    await first.stop();
    const server = await startPostgres({ dataDir, temporary: true });
    const client = new Client({ connectionString: server.url });
    // The server is stopped after everything else; until then a lost connection shows in the next query.
    client.on('error', () => undefined);
    await client.connect();
    await client.query('CREATE EXTENSION pg_stat_statements');
    await client.query(`CREATE ROLE ${REFERENCE_ROLE} SUPERUSER NOLOGIN`);
    await client.query(`ALTER SYSTEM SET pg_stat_statements.track = 'none'`);
    await client.query('SELECT pg_reload_conf()');
    const { rows } = await client.query<{ server_version: string }>('SHOW server_version');
    return new BenchDatabase(server, rows[0]?.server_version ?? 'unknown', client);
  }

  /** For the reference that works on the tables of Nexus. */
  get referenceUrl(): string {
    const url = new URL(this.url);
    url.searchParams.set('options', `-c role=${REFERENCE_ROLE}`);
    return url.href;
  }

  /** Runs `request` some times, one after another, and tells which statements each of them caused. */
  async statementsOf(request: () => Promise<unknown>): Promise<StatementCount[]> {
    await this.#track('top');
    // The pools take the setting over with their next statement.
    await request();
    await this.client.query('SELECT pg_stat_statements_reset()');
    for (let count = 0; count < WATCHED_REQUESTS; count += 1) await request();
    const { rows } = await this.client.query<{ id: string; query: string; calls: string }>(
      // The services and the reference work under roles of their own. What runs as the login itself is the job queue's
      // business, which comes in bursts, and the benchmark's own.
      `SELECT queryid AS id, query, calls FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND userid <> current_user::regrole::oid AND calls >= $1 ORDER BY calls DESC, query`,
      [WATCHED_REQUESTS],
    );
    await this.#track('none');
    return rows.map(({ id, query, calls }) => ({
      id,
      text: query.replaceAll(/\s+/g, ' ').trim(),
      perRequest: Number(calls) / WATCHED_REQUESTS,
    }));
  }

  async stop(): Promise<void> {
    await this.client.end().catch(() => undefined);
    await this.#server.stop();
  }

  async #track(what: 'top' | 'none'): Promise<void> {
    await this.client.query(`ALTER SYSTEM SET pg_stat_statements.track = '${what}'`);
    await this.client.query('SELECT pg_reload_conf()');
  }
}

async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
