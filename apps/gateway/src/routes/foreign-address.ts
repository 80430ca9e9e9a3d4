import { connect, isIP, type Socket } from 'node:net';
import { connect as connectSecurely } from 'node:tls';
import { KEEP_ALIVE_MAX_MS, KEEP_ALIVE_UNKNOWN_MS } from '@nexus/resilience';
import { type Dispatcher, Pool } from 'undici';

const CONNECT_MS = 10_000;
const MAX_CONNECTIONS = 256;
const REST_STEP_MS = 1_000;
const MAX_REST_MS = 30_000;

/** No connection came about: nothing was asked for yet. */
export class NoConnection extends Error {
  override readonly name = 'NoConnection';
  readonly code: string;

  constructor(cause: unknown) {
    super('No connection to the server came about', { cause });
    this.code = String((cause as { readonly code?: unknown } | null)?.code ?? 'ECONNREFUSED');
  }
}

/** One server outside the platform: ordinary TLS, by the certificates that Node trusts, and no certificate of ours. */
export class ForeignAddress {
  inFlight = 0;
  private pool: Pool | undefined;
  private readonly retired = new Set<Pool>();
  private failures = 0;
  private restsUntil = 0;
  private isClosed = false;

  /** @param origin `https://weather.example.com` */
  constructor(readonly origin: string) {}

  /** `weather.example.com`: what `Host` says. */
  get host(): string {
    return new URL(this.origin).host;
  }

  /** It did not take a connection a moment ago. */
  rests(now: number): boolean {
    return now < this.restsUntil;
  }

  /** No connection came about: others are asked first for a while. */
  failed(): void {
    this.failures += 1;
    this.restsUntil = performance.now() + Math.min(REST_STEP_MS * this.failures, MAX_REST_MS);
  }

  succeeded(): void {
    this.failures = 0;
    this.restsUntil = 0;
  }

  /** Sends a request on a pooled connection. */
  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    this.pool ??= new Pool(this.origin, {
      connections: MAX_CONNECTIONS,
      pipelining: 1,
      allowH2: false,
      connect: { timeout: CONNECT_MS },
      keepAliveTimeout: KEEP_ALIVE_UNKNOWN_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MAX_MS,
    });
    this.pool.dispatch(options, handler);
    // A request that came by a route of before: its connection is not kept for others.
    if (this.isClosed) void this.close();
  }

  /** A connection of its own. @throws NoConnection */
  connect(): Promise<Socket> {
    const { protocol, hostname, port } = new URL(this.origin);
    const isSecure = protocol === 'https:';
    const host = hostname.replace(/^\[|\]$/g, '');
    const target = { host, port: Number(port) || (isSecure ? 443 : 80) };
    const name = isIP(host) ? {} : { servername: host };
    const socket = isSecure ? connectSecurely({ ...target, ...name, ALPNProtocols: ['http/1.1'] }) : connect(target);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => socket.destroy(Object.assign(new Error('too slow'), { code: 'UND_ERR_CONNECT_TIMEOUT' })),
        CONNECT_MS,
      );
      const failed = (error: Error) => {
        clearTimeout(timer);
        reject(new NoConnection(error));
      };
      socket.once('error', failed);
      socket.once(isSecure ? 'secureConnect' : 'connect', () => {
        clearTimeout(timer);
        socket.off('error', failed);
        socket.setNoDelay(true);
        resolve(socket);
      });
    });
  }

  /** Takes connections away when the requests on them are answered; later requests get one of their own. */
  async close(): Promise<void> {
    this.isClosed = true;
    const { pool } = this;
    this.pool = undefined;
    if (!pool) return;
    this.retired.add(pool);
    await pool.close().catch(() => undefined);
    this.retired.delete(pool);
  }

  /** Cuts off what still runs. */
  async destroy(): Promise<void> {
    const closing = this.close();
    await Promise.all([...this.retired].map((pool) => pool.destroy()));
    await closing;
  }
}
