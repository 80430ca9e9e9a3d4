import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { type Field, readHead, takeMessage, valuesOf, WireFault, type WireMessage } from './wire-message.js';

/** A request that reached the service, read by the letter of RFC 9112 and nothing more lenient. */
export interface SeenRequest extends WireMessage {
  readonly method: string;
  readonly target: string;
  /** Number of the connection, from 0. */
  readonly connection: number;
  /** The value of a field that comes once at most; every value otherwise. */
  field(name: string): string | undefined;
}

/** One connection of the gateway to the service. */
export interface OriginConnection {
  readonly number: number;
  readonly socket: Socket;
  /** Where the next request begins. */
  unread: Buffer;
  /** Whether the head at its front was told of. */
  headTold: boolean;
}

/** Answers one request; the bytes that it returns are written as they are. */
export type Script = (request: SeenRequest, connection: OriginConnection) => string | Buffer | undefined;

const REQUEST_LINE = /^([A-Z]+) (\/[!-~]*) HTTP\/1\.1$/;

/** An answer with a length, in bytes as they stand on the wire. */
export function reply(status: number, fields: readonly string[], body: string | Buffer = ''): Buffer {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const head = [`HTTP/1.1 ${status} Whatever`, ...fields, `Content-Length: ${bytes.length}`, '', ''].join('\r\n');
  return Buffer.concat([Buffer.from(head, 'latin1'), bytes]);
}

const OK = reply(200, ['Content-Type: application/json'], '{"success":true,"data":null}');

/**
 * What stands behind the gateway: a service that writes down every byte it gets and answers whatever a spec wants.
 */
export class RawOrigin {
  /** Whole requests, in the order of their ends. */
  readonly seen: SeenRequest[] = [];
  /** What was no request. */
  readonly faults: string[] = [];
  /** What was left of requests whose connection ended before they did. */
  readonly unfinished: Buffer[] = [];
  /** Those that are open. */
  readonly connections = new Set<OriginConnection>();
  /** Answers whole requests. */
  script: Script = () => OK;
  /** Told when a head is there, before the body. */
  onHead: ((head: { start: string; fields: Field[] }, connection: OriginConnection) => void) | undefined;
  /** Told when bytes come; a connection that reads by itself keeps nothing. */
  onBytes: ((chunk: Buffer, connection: OriginConnection) => boolean) | undefined;
  private readonly server: Server;
  private opened = 0;

  /** @param tls absent: plain TCP */
  constructor(tls?: TlsOptions) {
    const take = (socket: Socket) => this.take(socket);
    this.server = tls ? createTlsServer(tls, take) : createServer({ noDelay: true }, take);
    this.server.on('tlsClientError', () => undefined);
  }

  async open(): Promise<number> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return (this.server.address() as AddressInfo).port;
  }

  /**
   * Forgets what was seen, so that the next test stands alone. Connections stay, for the gateway to use them again; those
   * in the middle of a request do not.
   */
  reset(): void {
    for (const connection of this.connections) {
      if (connection.unread.length === 0) continue;
      connection.unread = Buffer.alloc(0);
      connection.socket.destroy();
    }
    this.seen.length = 0;
    this.faults.length = 0;
    this.unfinished.length = 0;
    this.script = () => OK;
    this.onHead = undefined;
    this.onBytes = undefined;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const { socket } of this.connections) socket.destroy();
    await closed;
  }

  private take(socket: Socket): void {
    const connection: OriginConnection = {
      number: this.opened++,
      socket,
      unread: Buffer.alloc(0),
      headTold: false,
    };
    this.connections.add(connection);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      if (this.onBytes?.(chunk, connection)) return;
      connection.unread = Buffer.concat([connection.unread, chunk]);
      const end = connection.unread.indexOf('\r\n\r\n');
      if (end >= 0 && !connection.headTold && this.onHead) {
        connection.headTold = true;
        this.onHead(readHead(connection.unread.toString('latin1', 0, end)), connection);
      }
      this.read(connection);
    });
    socket.on('close', () => {
      this.connections.delete(connection);
      if (connection.unread.length > 0) this.unfinished.push(connection.unread);
    });
  }

  private read(connection: OriginConnection): void {
    try {
      for (;;) {
        const found = takeMessage(connection.unread, false);
        if (!found) return;
        connection.unread = found.rest;
        connection.headTold = false;
        const { message } = found;
        const line = REQUEST_LINE.exec(message.start);
        if (!line) throw new WireFault(`no request line: ${JSON.stringify(message.start)}`);
        const request: SeenRequest = {
          ...message,
          method: line[1] as string,
          target: line[2] as string,
          connection: connection.number,
          field: (name) => {
            const values = valuesOf(message.fields, name);
            if (values.length > 1) throw new WireFault(`${name} came ${values.length} times`);
            return values[0];
          },
        };
        this.seen.push(request);
        const answer = this.script(request, connection);
        if (answer !== undefined) {
          connection.socket.write(typeof answer === 'string' ? Buffer.from(answer, 'latin1') : answer);
        }
      }
    } catch (error) {
      this.faults.push(String(error));
      connection.unread = Buffer.alloc(0);
      connection.socket.destroy();
    }
  }
}
