import { createHash } from 'node:crypto';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createSecureServer, type ServerOptions } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

/** A request that a server outside the platform got. */
export interface ForeignSeen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** What the gateway showed as its certificate. */
  readonly certificate: object;
}

/** A server outside the platform: writes down what it gets and answers as the spec wants. */
export class ForeignServer {
  readonly seen: ForeignSeen[] = [];
  readonly sockets = new Set<Socket>();
  /** Accepted connections, in all. */
  connections = 0;
  answer: (request: ForeignSeen, response: ServerResponse) => void = (_, response) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}');
  /** Told of each request before its body is there; gives whether it sees to the body itself. */
  onHead: (request: IncomingMessage, response: ServerResponse) => boolean = () => false;
  onUpgrade: (request: IncomingMessage, socket: Socket, head: Buffer) => void = (request, socket) => {
    acceptWebSocket(request, socket);
    echo(socket);
  };
  private readonly server: Server;

  private constructor(private readonly tls?: ServerOptions) {
    const take = (request: IncomingMessage, response: ServerResponse) => this.take(request, response);
    this.server = tls ? createSecureServer(tls, take) : createServer(take);
    this.server.on('connection', (socket: Socket) => {
      this.connections += 1;
      this.sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => this.sockets.delete(socket));
    });
    this.server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      this.note(request, Buffer.alloc(0));
      socket.on('error', () => undefined).on('end', () => socket.end());
      this.onUpgrade(request, socket, head);
    });
  }

  static async open(tls?: ServerOptions, port = 0): Promise<ForeignServer> {
    const server = new ForeignServer(tls);
    await new Promise<void>((resolve) => server.server.listen(port, '127.0.0.1', resolve));
    return server;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `${this.tls ? 'https://localhost' : 'http://127.0.0.1'}:${this.port}`;
  }

  get last(): ForeignSeen {
    const last = this.seen.at(-1);
    if (!last) throw new Error('Nothing came');
    return last;
  }

  private note(request: IncomingMessage, body: Buffer): ForeignSeen {
    const { method = '', url = '', headers, socket } = request;
    const certificate = (socket as TLSSocket).getPeerCertificate?.() ?? {};
    const seen = { method, url, headers, body, certificate };
    this.seen.push(seen);
    return seen;
  }

  private take(request: IncomingMessage, response: ServerResponse): void {
    if (this.onHead(request, response)) return;
    const chunks: Buffer[] = [];
    request.on('error', () => undefined);
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => this.answer(this.note(request, Buffer.concat(chunks)), response));
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** Says yes to a WebSocket handshake (RFC 6455 §4.2.2). */
export function acceptWebSocket(request: IncomingMessage, socket: Socket, extra: readonly string[] = []): void {
  const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  const accept = createHash('sha1').update(key).digest('base64');
  const head = [
    'HTTP/1.1 101 Whatever',
    'Connection: Upgrade',
    'Upgrade: websocket',
    `Sec-WebSocket-Accept: ${accept}`,
  ];
  socket.write(`${[...head, ...extra].join('\r\n')}\r\n\r\n`);
}

/** Sends every frame back, as a server does; a Close frame ends the connection. */
export function echo(socket: Socket): void {
  let parts: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => {
    parts.push(chunk);
    let bytes = Buffer.concat(parts);
    for (let found = takeFrame(bytes); found; found = takeFrame(bytes)) {
      bytes = found.rest as Buffer<ArrayBuffer>;
      socket.write(frame(found.opcode, found.payload));
      if (found.opcode === 8) socket.end();
    }
    parts = [bytes];
  });
}

/** One whole frame off the front of `bytes`; undefined as long as it is not whole. */
export function takeFrame(
  bytes: Buffer,
): { readonly opcode: number; readonly payload: Buffer; readonly masked: boolean; readonly rest: Buffer } | undefined {
  if (bytes.length < 2) return undefined;
  const masked = ((bytes[1] as number) & 0x80) !== 0;
  let length = (bytes[1] as number) & 0x7f;
  let at = 2;
  if (length === 126) {
    if (bytes.length < 4) return undefined;
    length = bytes.readUInt16BE(2);
    at = 4;
  } else if (length === 127) {
    if (bytes.length < 10) return undefined;
    length = Number(bytes.readBigUInt64BE(2));
    at = 10;
  }
  const key = masked ? bytes.subarray(at, at + 4) : undefined;
  if (masked) at += 4;
  if (bytes.length < at + length) return undefined;
  const payload = Buffer.from(bytes.subarray(at, at + length));
  if (key) for (let i = 0; i < length; i++) payload[i] = (payload[i] as number) ^ (key[i % 4] as number);
  return { opcode: (bytes[0] as number) & 0x0f, payload, masked, rest: bytes.subarray(at + length) };
}

/** A frame (RFC 6455 §5.2). */
export function frame(opcode: number, payload: Buffer | string, masked = false): Buffer {
  const bytes = Buffer.from(payload);
  const head =
    bytes.length < 126
      ? Buffer.from([0x80 | opcode, bytes.length])
      : bytes.length < 65_536
        ? Buffer.from([0x80 | opcode, 126, bytes.length >> 8, bytes.length & 0xff])
        : Buffer.concat([Buffer.from([0x80 | opcode, 127]), longLength(bytes.length)]);
  if (!masked) return Buffer.concat([head, bytes]);
  head[1] = (head[1] as number) | 0x80;
  const key = Buffer.from([1, 2, 3, 4]);
  for (let i = 0; i < bytes.length; i++) bytes[i] = (bytes[i] as number) ^ (key[i % 4] as number);
  return Buffer.concat([head, key, bytes]);
}

function longLength(length: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(length));
  return bytes;
}
