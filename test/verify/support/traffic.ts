import { Agent, request } from 'node:http';

/** One kind of request that clients make over and over. */
export interface Errand {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** The one answer that is no failure. */
  readonly status: number;
  /** The body of the n-th request; an object goes as JSON. */
  readonly body?: (n: number) => object | { readonly type: string; readonly bytes: Buffer };
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

const TIMEOUT_MS = 30_000;
const KEPT_FAILURES = 20;

/** A client with one connection, which it keeps for as long as the server does. It never tries again. */
class KeepAliveClient {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(
    private readonly base: string,
    private readonly token: string,
  ) {}

  send({ method, path, body }: Errand, n: number): Promise<Answer> {
    const content = body?.(n);
    const [type, bytes] =
      content === undefined
        ? [undefined, undefined]
        : 'bytes' in content
          ? [content.type, content.bytes]
          : ['application/json', Buffer.from(JSON.stringify(content))];
    return new Promise((resolve, reject) => {
      const outgoing = request(this.base + path, {
        method,
        agent: this.agent,
        timeout: TIMEOUT_MS,
        headers: {
          authorization: `Bearer ${this.token}`,
          ...(bytes ? { 'content-type': type, 'content-length': bytes.length } : {}),
        },
      });
      outgoing.once('timeout', () => outgoing.destroy(new Error(`no answer in ${TIMEOUT_MS} ms`)));
      outgoing.once('error', reject);
      outgoing.once('response', (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => {
          text += part;
        });
        response.once('error', reject);
        response.once('end', () => resolve({ status: response.statusCode ?? 0, text }));
      });
      outgoing.end(bytes);
    });
  }

  close(): void {
    this.agent.destroy();
  }
}

export interface TrafficOptions {
  readonly url: string;
  readonly token: string;
  readonly clients: number;
  readonly errands: readonly Errand[];
  /** Longest pause of a client between two requests, in ms. */
  readonly pauseMs: number;
}

/** Clients that ask without end, and every answer that was not the right one. */
export class Traffic {
  requests = 0;
  posts = 0;
  failed = 0;
  readonly failures: string[] = [];
  private going = true;
  private readonly answeredAt: number[] = [];
  private readonly from = performance.now();
  private readonly done: Promise<unknown>;

  constructor(private readonly options: TrafficOptions) {
    this.done = Promise.all(Array.from({ length: options.clients }, (_, i) => this.run(i)));
  }

  private async run(first: number): Promise<void> {
    const { url, token, errands, pauseMs } = this.options;
    const client = new KeepAliveClient(url, token);
    for (let n = first; this.going; n++) {
      const errand = errands[n % errands.length] as Errand;
      const sentAt = performance.now();
      try {
        const { status, text } = await client.send(errand, n);
        if (status !== errand.status) this.fail(errand, sentAt, `${status} ${text}`);
      } catch (error) {
        this.fail(errand, sentAt, String(error));
      }
      this.requests += 1;
      this.answeredAt.push(performance.now());
      if (errand.method === 'POST') this.posts += 1;
      await new Promise((resolve) => setTimeout(resolve, Math.random() * pauseMs));
    }
    client.close();
  }

  private fail({ method, path }: Errand, sentAt: number, why: string): void {
    this.failed += 1;
    const [at, ms] = [sentAt - this.from, performance.now() - sentAt].map(Math.round);
    if (this.failures.length < KEPT_FAILURES) this.failures.push(`at ${at} ms: ${method} ${path}: ${why} (${ms} ms)`);
  }

  /** Requests that were answered in the last second. */
  get rate(): number {
    const since = performance.now() - 1_000;
    while ((this.answeredAt[0] ?? since) < since) this.answeredAt.shift();
    return this.answeredAt.length;
  }

  /** Lets the clients finish what they are doing. */
  async stop(): Promise<void> {
    this.going = false;
    await this.done;
  }
}
