import { startPostgres } from '../postgres/embedded.ts';
import type { Link } from './link.ts';
import { Part, type Running } from './part.ts';

export interface PostgresOptions {
  readonly root: string;
  readonly dataDir: string;
  readonly port: number;
  readonly log: string;
}

/** The real PostgreSQL of the packages, as durable as in production. */
export class PostgresPart extends Part {
  readonly #options: PostgresOptions;
  /** How one connects to it, by its link; known once it was started. */
  url = '';

  constructor(name: string, link: Link, options: PostgresOptions) {
    super(name, link);
    this.#options = options;
  }

  protected async launch(): Promise<Running> {
    const { root, dataDir, port, log } = this.#options;
    const server = await startPostgres({ root, dataDir, port, log, temporary: true });
    const url = new URL(server.url);
    url.port = String(this.link.port);
    this.url = url.href;
    let end: (how: string) => void = () => undefined;
    const ended = new Promise<string>((resolve) => {
      end = resolve;
    });
    server.onExit((fault) => end(fault.message));
    return {
      pid: server.pid,
      port,
      ended,
      // Its orderly stop: what it does on SIGTERM is to wait until its clients have left.
      terminate: () => void server.stop('fast').then(() => end('code 0')),
    };
  }
}
