import { createHash } from 'node:crypto';
import { type IncomingMessage, request as startRequest } from 'node:http';
import type { Socket } from 'node:net';
import { commonHeaders, type Exchange, writeError } from '@nexus/http';
import { type AppError, errors } from '@nexus/kernel';
import type { Logger } from '@nexus/observability';
import { addressKey } from '@nexus/throttling';
import { SingleConnection } from '../routes/single-connection.js';
import { answerFields } from './answer-fields.js';
import { Tunnel } from './upgrade-tunnel.js';
import { foreignError, upstreamFailure } from './upstream-error.js';

/** RFC 6455 §1.3. */
const KEY_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const KEY = /^[A-Za-z0-9+/]{22}==$/;
/** What a client and a server say to each other, and nobody else (RFC 6455 §11.3). */
const HANDSHAKE = 'sec-websocket-';
/** How long it may take until both sides have agreed, in ms. */
const HANDSHAKE_MS = 10_000;
const RETRY_SOON = { 'retry-after': '1' };

/** Where a request for a WebSocket connection goes. */
export interface UpgradeTarget {
  /** Name of the route, for the log. */
  readonly name: string;
  /** Path and query. */
  readonly target: string;
  /** Header fields, names and values in turn. */
  readonly fields: readonly string[];
  /** A new connection to the server. */
  readonly connect: () => Promise<{ readonly socket: Socket; readonly host: string }>;
}

/** Limits of all connections of a process. */
export interface UpgradeLimits {
  /** Connections of one user; without credentials, of one address. */
  readonly perCaller: number;
  /** A connection on which nothing moves for so long ends, in ms. */
  readonly idleMs: number;
}

/** @throws AppError `bad_request` for what is no handshake (RFC 6455 §4.2.1) */
function assertHandshake({ headers, httpVersionMinor }: IncomingMessage): string {
  const key = headers['sec-websocket-key'];
  if (headers.upgrade?.toLowerCase() !== 'websocket' || httpVersionMinor === 0)
    throw errors.bad_request({ message: 'Only a WebSocket connection can be asked for here.' });
  if (headers['sec-websocket-version'] !== '13')
    throw errors.bad_request({
      message: 'Version 13 of the WebSocket protocol is spoken here.',
      headers: { 'sec-websocket-version': '13' },
    });
  if (key === undefined || !KEY.test(key)) throw errors.bad_request({ message: 'Sec-WebSocket-Key is not valid.' });
  return key;
}

/** The fields of the handshake with the server. */
function handshakeFields(fields: readonly string[], { headers }: IncomingMessage, host: string): string[] {
  const sent: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    if (!name.startsWith(HANDSHAKE)) sent.push(name, fields[i + 1] as string);
  }
  for (const name of ['key', 'version', 'protocol', 'extensions']) {
    const value = headers[`${HANDSHAKE}${name}`];
    if (value !== undefined) sent.push(`${HANDSHAKE}${name}`, String(value));
  }
  sent.push('host', host, 'connection', 'Upgrade', 'upgrade', 'websocket');
  return sent;
}

/** Whether a 101 is the answer to this key: it could be that of another, or of no WebSocket server at all. */
function isAccepted({ headers }: IncomingMessage, key: string): boolean {
  const expected = createHash('sha1')
    .update(key + KEY_SUFFIX)
    .digest('base64');
  return headers.upgrade?.toLowerCase() === 'websocket' && headers['sec-websocket-accept'] === expected;
}

/** The WebSocket connections of a process. */
export class Upgrades {
  private readonly callers = new Map<string, number>();

  constructor(
    private readonly limits: UpgradeLimits,
    private readonly logger: Logger,
  ) {}

  /** Connections that are open or being opened. */
  get size(): number {
    let size = 0;
    for (const count of this.callers.values()) size += count;
    return size;
  }

  /**
   * Opens a connection to the server for one that the policy chain let pass, or answers why not.
   * @throws AppError `bad_request`, `rate_limited`, `unavailable`
   */
  open(exchange: Exchange, to: UpgradeTarget): void {
    if (exchange.defaults.closing) throw errors.unavailable({ headers: RETRY_SOON });
    const key = assertHandshake(exchange.request);
    const release = this.enter(exchange);
    // The connection may be closed at any time: before there is one to the server, too.
    exchange.response.once('close', release);
    exchange.deadline = Math.min(exchange.deadline, Date.now() + HANDSHAKE_MS);
    // It ends when it is told to, as a stream of events does.
    if (exchange.route) exchange.route = { ...exchange.route, produces: 'sse' };
    to.connect().then(
      ({ socket, host }) => this.shakeHands(exchange, to, { socket, host, key }),
      (error: unknown) => this.fail(exchange, to, upstreamFailure(error)),
    );
  }

  /** Takes one of the caller's places. @returns gives it back */
  private enter({ actor, address }: Exchange): () => void {
    const caller = actor.kind === 'user' ? `user ${actor.id}` : `address ${addressKey(address)}`;
    const count = this.callers.get(caller) ?? 0;
    if (count >= this.limits.perCaller)
      throw errors.rate_limited({ message: 'Too many connections are open.', headers: { 'retry-after': '10' } });
    this.callers.set(caller, count + 1);
    return () => {
      const left = (this.callers.get(caller) ?? 1) - 1;
      if (left > 0) this.callers.set(caller, left);
      else this.callers.delete(caller);
    };
  }

  private fail(exchange: Exchange, to: UpgradeTarget, failure: AppError): void {
    if (exchange.response.headersSent || exchange.response.destroyed) return;
    this.logger.warn('A server outside the platform took no connection', {
      'event.action': 'upgrade-failed',
      'http.request.id': exchange.id,
      'trace.id': exchange.trace.traceId,
      route: to.name,
      error: failure.cause ?? failure,
    });
    writeError(exchange, failure);
  }

  private shakeHands(
    exchange: Exchange,
    to: UpgradeTarget,
    { socket, host, key }: { readonly socket: Socket; readonly host: string; readonly key: string },
  ): void {
    const { request: asked, response } = exchange;
    if (response.headersSent || response.destroyed || asked.socket.destroyed) {
      socket.destroy();
      return;
    }
    const headers = handshakeFields(to.fields, asked, host);
    const agent = new SingleConnection(socket);
    const request = startRequest({ agent, method: 'GET', path: to.target, headers, setHost: false });
    const give = (failure: AppError) => {
      socket.destroy();
      this.fail(exchange, to, exchange.defaults.closing ? errors.unavailable({ headers: RETRY_SOON }) : failure);
    };
    exchange.whenCancelled(() => socket.destroy());
    request
      .on('error', (error) => give(upstreamFailure(error)))
      .on('response', (answer) => {
        const status = answer.statusCode ?? 0;
        answer.on('error', () => undefined).resume();
        give(status >= 400 ? foreignError(status) : errors.bad_gateway());
      })
      .on('upgrade', (answer, _socket, head: Buffer) => {
        if (!isAccepted(answer, key)) give(errors.bad_gateway());
        else if (response.headersSent || response.destroyed) socket.destroy();
        else this.join(exchange, answer, socket, head);
      })
      .end();
  }

  private join(exchange: Exchange, answer: IncomingMessage, server: Socket, head: Buffer): void {
    const { response, request } = exchange;
    exchange.close = false;
    const fields = commonHeaders(exchange);
    try {
      answerFields(answer.headers, fields, false);
    } catch (error) {
      server.destroy();
      writeError(exchange, upstreamFailure(error));
      return;
    }
    fields.push('Connection', 'Upgrade', 'Upgrade', 'websocket');
    response.writeHead(101, fields);
    response.flushHeaders();
    if (head.length > 0) server.unshift(head);
    const tunnel = new Tunnel(request.socket, server, this.limits.idleMs);
    exchange.whenCancelled(() => tunnel.goAway());
  }
}
