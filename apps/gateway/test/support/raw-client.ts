import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type Field, type Framing, takeMessage, valuesOf, type WireMessage } from './wire-message.js';

const DEADLINE_MS = 10_000;

/** An answer as it stood on the wire. */
export class RawReply {
  readonly status: number;
  readonly version: string;

  constructor(readonly message: WireMessage) {
    const line = /^(HTTP\/\d\.\d) (\d{3}) /.exec(message.start);
    if (!line) throw new Error(`No status line: ${JSON.stringify(message.start)}`);
    this.version = line[1] as string;
    this.status = Number(line[2]);
  }

  get fields(): readonly Field[] {
    return this.message.fields;
  }

  get body(): Buffer {
    return this.message.body;
  }

  get text(): string {
    return this.message.body.toString();
  }

  /** Names of the fields, lower case. */
  get names(): string[] {
    return this.fields.map(([name]) => name.toLowerCase());
  }

  all(name: string): string[] {
    return valuesOf(this.fields, name);
  }

  field(name: string): string | undefined {
    const values = this.all(name);
    if (values.length > 1) throw new Error(`${name} came ${values.length} times`);
    return values[0];
  }

  /**
   * The stable code of an error in the one format.
   * @throws Error when the answer is anything else
   */
  get errorCode(): string {
    const body = JSON.parse(this.text) as Record<string, unknown>;
    const details = body.details as { code: string }[] | undefined;
    const known = ['success', 'error', 'error_code', 'request_id', 'details'];
    const wrong =
      body.success !== false ||
      body.error_code !== this.status ||
      typeof body.error !== 'string' ||
      body.request_id !== this.field('x-request-id') ||
      this.field('content-type') !== 'application/json; charset=utf-8' ||
      Object.keys(body).some((key) => !known.includes(key));
    if (wrong) throw new Error(`Not in the one format: ${this.message.start} ${this.text}`);
    return details?.[0]?.code ?? '';
  }
}

/** Bytes of a head: each line ended, an empty line after them. */
export function lines(...all: string[]): string {
  return `${all.join('\r\n')}\r\n\r\n`;
}

/** A client that writes what it likes and reads by the letter of RFC 9112. */
export class RawClient {
  /** What came and is not read yet. */
  received = Buffer.alloc(0);
  /** Every byte that came. */
  total = 0;
  ended = false;
  readonly socket: Socket;
  private readonly waiting = new Set<() => void>();
  private manual = false;

  private constructor(port: number, localAddress: string) {
    this.socket = connect({ host: '127.0.0.1', port, localAddress, noDelay: true });
    this.socket.on('error', () => undefined);
    this.socket.on('data', (chunk: Buffer) => {
      this.total += chunk.length;
      if (!this.manual) this.received = Buffer.concat([this.received, chunk]);
      this.wake();
    });
    this.socket.on('close', () => {
      this.ended = true;
      this.wake();
    });
    this.socket.on('end', () => {
      this.ended = true;
      this.wake();
    });
  }

  /** @param from any address of the loopback network */
  static async open(port: number, from = '127.0.0.1'): Promise<RawClient> {
    const client = new RawClient(port, from);
    await once(client.socket, 'connect');
    return client;
  }

  /** From now on bytes are counted and not kept. */
  countOnly(): void {
    this.manual = true;
    this.received = Buffer.alloc(0);
  }

  private wake(): void {
    for (const look of this.waiting) look();
  }

  write(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** Waits until `found` gives something. @throws Error when nothing comes in time */
  until<T>(found: () => T | undefined, what: string, withinMs = DEADLINE_MS): Promise<T> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        clearTimeout(timer);
        this.waiting.delete(look);
      };
      const look = (): void => {
        try {
          const value = found();
          if (value === undefined) return;
          stop();
          resolve(value);
        } catch (error) {
          stop();
          reject(error);
        }
      };
      const timer = setTimeout(() => {
        stop();
        reject(new Error(`No ${what} within ${withinMs} ms; got ${this.received.toString('latin1', 0, 300)}`));
      }, withinMs);
      this.waiting.add(look);
      look();
    });
  }

  /**
   * The next answer, interim ones (1xx) included; undefined when the connection ends without one.
   * @param toHead the request was a HEAD
   */
  async reply(toHead = false): Promise<RawReply | undefined> {
    const found = await this.until<WireMessage | 'over'>(() => {
      const framing = (start: string, fields: readonly Field[]): Framing | undefined => {
        const status = Number(start.slice(9, 12));
        if (toHead || status < 200 || status === 204 || status === 304) return 'none';
        if (valuesOf(fields, 'content-length').length + valuesOf(fields, 'transfer-encoding').length === 0)
          return 'close';
        return undefined;
      };
      const taken = takeMessage(this.received, this.ended, framing);
      if (!taken) return this.ended ? 'over' : undefined;
      this.received = taken.rest as Buffer<ArrayBuffer>;
      return taken.message;
    }, 'answer');
    return found === 'over' ? undefined : new RawReply(found);
  }

  /** The next answer. @throws Error when the connection ends without one */
  async mustReply(toHead = false): Promise<RawReply> {
    const reply = await this.reply(toHead);
    if (!reply) throw new Error(`The connection ended without an answer: ${this.received.toString('latin1', 0, 300)}`);
    return reply;
  }

  /** Every answer until the server closes the connection. */
  async replies(): Promise<RawReply[]> {
    const all: RawReply[] = [];
    for (;;) {
      const reply = await this.reply();
      if (!reply) return all;
      all.push(reply);
    }
  }

  /** Waits until the server has closed the connection. */
  async closed(): Promise<void> {
    await this.until(() => this.ended || undefined, 'end of the connection');
  }

  destroy(): void {
    this.socket.destroy();
  }
}
