import { type Dispatcher, errors, Pool } from 'undici';
import { KEEP_ALIVE_MAX_MS, KEEP_ALIVE_UNKNOWN_MS } from './keep-alive.js';
import { LeanPool } from './lean-pool.js';
import { LeanRequest, type Patience } from './lean-request.js';
import { plainRequest } from './plain-request.js';
import type { ServiceConnector } from './service-connector.js';

export interface AddressConnectionsOptions {
  /** `host:port` of the service's URL, which is told it in `Host`. */
  readonly authority: string;
  readonly connect: ServiceConnector;
  /** Most connections of each kind. */
  readonly connections: number;
  readonly headersTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  readonly onDrain: () => void;
}

/**
 * The connections to one address under one identity: plain requests go by the lean pool, everything else (bodies that
 * are streams, upgrades, what undici is to refuse) by one of undici, which is made when there is need of it.
 */
export class AddressConnections {
  readonly #lean: LeanPool;
  readonly #patience: Patience;
  readonly #hostLine: string;
  #undici: Pool | undefined;
  /** What requests are told that come too late. */
  #end: Error | undefined;

  constructor(private readonly options: AddressConnectionsOptions) {
    const { connect, connections, headersTimeoutMs, bodyTimeoutMs, onDrain } = options;
    this.#hostLine = `host: ${new URL(this.#origin).host}\r\n`;
    this.#patience = { headersTimeoutMs, bodyTimeoutMs };
    this.#lean = new LeanPool({ connect: connect.withReader, connections, onDrain });
  }

  get #origin(): string {
    // To undici the origin is a plain one, and the connector does the TLS: over https it would cut connections whenever
    // the Host field of a request differs from that of the one before.
    return `http://${this.options.authority}`;
  }

  /** As of undici: @returns false when the next request would have to wait for a connection */
  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    if (this.#end !== undefined) {
      handler.onResponseError?.(null as never, this.#end);
      return false;
    }
    const plain = plainRequest(options, this.#hostLine);
    const patience = this.#patienceOf(options);
    if (plain === undefined || patience === undefined) return this.#pool().dispatch(options, handler);
    return this.#lean.dispatch(new LeanRequest(plain, patience, handler, this.#lean.settled));
  }

  /** @returns undefined for what is no time */
  #patienceOf({ headersTimeout, bodyTimeout }: Dispatcher.DispatchOptions): Patience | undefined {
    if (headersTimeout === undefined && bodyTimeout === undefined) return this.#patience;
    const headersTimeoutMs = headersTimeout ?? this.#patience.headersTimeoutMs;
    const bodyTimeoutMs = bodyTimeout ?? this.#patience.bodyTimeoutMs;
    return headersTimeoutMs >= 0 && bodyTimeoutMs >= 0 ? { headersTimeoutMs, bodyTimeoutMs } : undefined;
  }

  #pool(): Pool {
    if (this.#undici !== undefined) return this.#undici;
    const { connect, connections, headersTimeoutMs, bodyTimeoutMs, onDrain } = this.options;
    this.#undici = new Pool(this.#origin, {
      connections,
      pipelining: 1,
      allowH2: false,
      connect,
      keepAliveTimeout: KEEP_ALIVE_UNKNOWN_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MAX_MS,
      headersTimeout: headersTimeoutMs,
      bodyTimeout: bodyTimeoutMs,
    });
    this.#undici.on('drain', onDrain);
    return this.#undici;
  }

  /** Takes no more requests; resolves when those it has are answered, and rejects where it is destroyed meanwhile. */
  async close(): Promise<void> {
    this.#end ??= new errors.ClientClosedError();
    await Promise.all([this.#lean.close(), this.#undici?.close()]);
  }

  async destroy(error: Error | null): Promise<void> {
    this.#end = error ?? new errors.ClientDestroyedError();
    await Promise.all([this.#lean.destroy(this.#end), this.#undici?.destroy(error)]);
  }
}
