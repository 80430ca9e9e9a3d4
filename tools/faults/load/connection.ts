import { Agent, type IncomingHttpHeaders, request } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Outgoing {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
}

/** No whole answer came: nobody knows whether the request was served. */
export class NoAnswer extends Error {
  /** `timeout`, or the code of the socket's error. */
  readonly why: string;

  constructor(why: string) {
    super(`no answer (${why})`);
    this.why = why;
  }
}

/** After this a client takes it that no answer will come. */
export const ANSWER_MS = 10_000;

/** A client's connection, kept for as long as the server does. */
export class Connection {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #base: string;

  /** @param base `http://host:port` */
  constructor(base: string) {
    this.#base = base;
  }

  /** @throws NoAnswer */
  send({ method, path, headers = {}, body }: Outgoing): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const length = body ? { 'content-length': String(body.length) } : {};
      const outgoing = request(this.#base + path, {
        method,
        agent: this.#agent,
        headers: { ...headers, ...length },
      });
      const late = setTimeout(() => outgoing.destroy(new NoAnswer('timeout')), ANSWER_MS);
      const fail = (error: NodeJS.ErrnoException): void => {
        clearTimeout(late);
        reject(error instanceof NoAnswer ? error : new NoAnswer(error.code ?? error.message));
      };
      outgoing.once('error', fail);
      outgoing.once('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('error', fail);
        response.once('end', () => {
          clearTimeout(late);
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) });
        });
      });
      outgoing.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
