import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { assertRules } from './answer-rules.js';
import type { Client } from './client.js';
import { environment } from './environment.js';
import { Reply } from './reply.js';
import { within } from './waiting.js';

/** One event of a stream (https://html.spec.whatwg.org/#event-stream-interpretation). */
export interface StreamEvent {
  readonly id: string | undefined;
  readonly event: string;
  readonly data: string;
}

const EVENT_MS = 5000;

/** An open stream of server-sent events. */
export class EventStream {
  readonly events: StreamEvent[] = [];
  /** Becomes true when the server ends it. */
  ended = false;
  private buffer = '';
  private readonly waiting = new Set<() => void>();

  private constructor(
    readonly reply: Reply,
    private readonly asked: ClientRequest,
    response: IncomingMessage,
  ) {
    response.setEncoding('utf8');
    response.on('data', (text: string) => this.take(text));
    response.on('error', () => undefined);
    response.on('close', () => {
      this.ended = true;
      this.wake();
    });
  }

  static open(client: Client, path: string, headers: Readonly<Record<string, string>> = {}): Promise<EventStream> {
    const opened = new Promise<EventStream>((resolve, reject) => {
      const asked = request(`${environment.baseUrl}${path}`, {
        headers: { ...client.headers, accept: 'text/event-stream', ...headers },
        agent: false,
      });
      asked.on('error', reject);
      asked.on('response', (response) => {
        const found = new Headers();
        for (let i = 0; i < response.rawHeaders.length; i += 2) {
          found.append(response.rawHeaders[i] as string, response.rawHeaders[i + 1] as string);
        }
        const reply = new Reply(`GET ${path}`, response.statusCode ?? 0, found, Buffer.alloc(0));
        try {
          reply.is(200);
          assertRules(reply, { method: 'GET', path, givenId: undefined, readable: true });
          resolve(new EventStream(reply, asked, response));
        } catch (error) {
          asked.destroy();
          reject(error);
        }
      });
      asked.end();
    });
    return within(opened, EVENT_MS, `the head of ${path}`);
  }

  private take(text: string): void {
    this.buffer += text.replaceAll('\r\n', '\n').replaceAll('\r', '\n');
    for (let end = this.buffer.indexOf('\n\n'); end >= 0; end = this.buffer.indexOf('\n\n')) {
      this.dispatch(this.buffer.slice(0, end).split('\n'));
      this.buffer = this.buffer.slice(end + 2);
    }
    this.wake();
  }

  private dispatch(block: readonly string[]): void {
    const fields = { id: undefined as string | undefined, event: 'message' };
    const data: string[] = [];
    for (const line of block) {
      const match = /^(id|event|data): ?(.*)$/.exec(line);
      if (!match) continue;
      if (match[1] === 'data') data.push(match[2] as string);
      else fields[match[1] as 'id' | 'event'] = match[2] as string;
    }
    if (data.length > 0) this.events.push({ ...fields, data: data.join('\n') });
  }

  private wake(): void {
    for (const look of this.waiting) look();
  }

  private until<T>(find: () => T | undefined, ms: number, what: string): Promise<T> {
    const found = new Promise<T>((resolve) => {
      const look = (): void => {
        const value = find();
        if (value === undefined) return;
        this.waiting.delete(look);
        resolve(value);
      };
      this.waiting.add(look);
      look();
    });
    return within(found, ms, `${what}; events so far: ${JSON.stringify(this.events).slice(0, 1000)}`);
  }

  /** The first event that fits, whether it has come already or comes yet. */
  event(fits: (event: StreamEvent) => boolean, what: string, ms = EVENT_MS): Promise<StreamEvent> {
    return this.until(() => this.events.find(fits), ms, what);
  }

  /** Resolves when the server has ended the stream. */
  async closedByServer(ms: number): Promise<void> {
    await this.until(() => this.ended || undefined, ms, 'the end of the stream');
  }

  close(): void {
    this.asked.destroy();
  }
}
