import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { assertRules } from './answer-rules.js';
import { randomAddress } from './chance.js';
import { environment } from './environment.js';
import { Reply } from './reply.js';
import { ResponseReader } from './response-reader.js';
import { within } from './waiting.js';

const ANSWER_MS = 5000;

/** The name and port of the server, as a well-behaved client writes them into `Host`. */
export const HOST = new URL(environment.baseUrl).host;

function openSocket(): Socket {
  const { hostname, port } = new URL(environment.baseUrl);
  const socket = connect(Number(port || 80), hostname.replaceAll(/[[\]]/g, ''));
  // A server may end a connection on which it was told nonsense in any way it likes; what counts is its answer.
  socket.on('error', () => undefined);
  return socket;
}

/** A connection on which one may say what no HTTP library would. */
export class RawConnection {
  private readonly reader: ResponseReader;
  private readonly waiting = new Set<() => void>();
  private ended = false;

  private constructor(
    readonly socket: Socket,
    asked: string,
    isHead: boolean,
  ) {
    this.reader = new ResponseReader(asked, isHead);
    socket.on('data', (chunk: Buffer) => {
      this.reader.push(chunk);
      this.wake();
    });
    socket.on('close', () => {
      this.ended = true;
      this.reader.end();
      this.wake();
    });
  }

  static async open(asked = 'raw', isHead = false): Promise<RawConnection> {
    const socket = openSocket();
    await within(once(socket, 'connect'), ANSWER_MS, 'a connection');
    return new RawConnection(socket, asked, isHead);
  }

  private wake(): void {
    for (const look of this.waiting) look();
  }

  /** Waits until the bytes are handed over, so that a big body does not pile up here. */
  async write(bytes: string | Buffer): Promise<void> {
    if (this.socket.destroyed) return;
    const data = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
    if (this.socket.write(data)) return;
    await new Promise<void>((resolve) => {
      for (const event of ['drain', 'close']) this.socket.once(event, resolve);
    });
  }

  /** The next answer; undefined when the connection ends without one. @throws Error when none comes in time */
  answer(withinMs = ANSWER_MS): Promise<Reply | undefined> {
    const found = new Promise<Reply | undefined>((resolve, reject) => {
      const look = (): void => {
        try {
          const reply = this.reader.next();
          if (!reply && !this.ended) return;
          this.waiting.delete(look);
          resolve(reply);
        } catch (error) {
          this.waiting.delete(look);
          reject(error);
        }
      };
      this.waiting.add(look);
      look();
    });
    return within(found, withinMs, 'an answer');
  }

  /** Resolves when the server has closed the connection; bytes that are no answer are an error. */
  async closedByServer(withinMs = ANSWER_MS): Promise<void> {
    if (!this.ended) await within(once(this.socket, 'close'), withinMs, 'the end of the connection');
    if (this.reader.pending.length > 0)
      throw new Error(`Stray bytes: ${this.reader.pending.toString('latin1', 0, 200)}`);
  }

  destroy(): void {
    this.socket.destroy();
  }
}

/** Lines of a request, ended as HTTP wants it. */
export function lines(...parts: readonly string[]): string {
  return `${parts.join('\r\n')}\r\n\r\n`;
}

export interface RawOptions {
  /** Whether it can be read as a request, so that it counts for somebody. */
  readonly readable?: boolean;
  readonly withinMs?: number;
}

/** Sends bytes on a connection of their own and takes the one answer, which must keep to the rules. */
export async function sendRaw(bytes: string | Buffer, { readable = true, withinMs }: RawOptions = {}): Promise<Reply> {
  const text = typeof bytes === 'string' ? bytes : bytes.toString('latin1');
  const firstLine = text.slice(0, 80).split('\r\n')[0] as string;
  const [method = '', target = ''] = firstLine.split(' ');
  const connection = await RawConnection.open(JSON.stringify(firstLine), method === 'HEAD');
  try {
    await connection.write(bytes);
    let reply = await connection.answer(withinMs);
    while (reply && reply.status < 200) reply = await connection.answer(withinMs);
    if (!reply) throw new Error(`${JSON.stringify(firstLine)}: the connection ended without an answer`);
    assertRules(reply, { method, path: target.split('?')[0] as string, givenId: undefined, readable });
    return reply;
  } finally {
    connection.destroy();
  }
}

export interface Flood {
  readonly requests: number;
  /** So many ask at once, each again as soon as it is answered. */
  readonly connections: number;
  /** Request line and headers but `Host`, for each request. */
  readonly head: (index: number) => readonly string[];
}

/** Sends many requests as fast as they go. @returns every answer, each having kept to the rules */
export async function flood({ requests, connections, head }: Flood): Promise<Reply[]> {
  let next = 0;
  const lane = async (): Promise<Reply[]> => {
    const replies: Reply[] = [];
    let connection: RawConnection | undefined;
    while (next < requests) {
      const own = head(next++);
      connection ??= await RawConnection.open('flood');
      await connection.write(lines(...own, `Host: ${HOST}`));
      const reply = await connection.answer(20_000);
      if (!reply) throw new Error('A connection ended without an answer');
      const [method = '', path = ''] = (own[0] as string).split(' ');
      assertRules(reply, { method, path, givenId: undefined, readable: true });
      replies.push(reply);
      if (reply.header('connection') === 'close') {
        connection.destroy();
        connection = undefined;
      }
    }
    connection?.destroy();
    return replies;
  };
  return (await Promise.all(Array.from({ length: connections }, lane))).flat();
}

/** The header that gives a raw request an address of its own. */
export function forwardedFor(address = randomAddress()): string {
  return `X-Forwarded-For: ${address}`;
}
