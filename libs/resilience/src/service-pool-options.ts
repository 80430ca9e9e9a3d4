import type { ServiceName } from '@nexus/contracts';
import type { BreakerOptions, CircuitState } from './circuit-breaker.js';
import type { Lookup } from './service-names.js';
import type { TlsMaterial } from './tls-material.js';
import type { AddressEvent } from './upstream-address.js';

export interface ServicePoolOptions {
  /** The service that must be at the other end. */
  readonly service: ServiceName;
  /** `https://` and `http://` origins: a list, or the text of `NEXUS_<SERVICE>_URL` with commas. */
  readonly urls: string | readonly string[];
  /** This process's identity; needed for `https://`. */
  readonly material?: TlsMaterial;
  /** Connections per address; 128 by default. */
  readonly connections?: number;
  /** Requests that may run and wait at a time, all addresses together; 1024 more than `connections` by default. */
  readonly maxInFlight?: number;
  /** How failures of the service as a whole are judged; absent: it is asked however often it fails. */
  readonly breaker?: Omit<BreakerOptions, 'onChange'>;
  /** Longest time until an address takes a connection, in ms; 1 s by default, and four times as long for the handshake. */
  readonly connectTimeoutMs?: number;
  /** How often host names are looked up, in ms; 5 s by default. */
  readonly resolveEveryMs?: number;
  /** About how old a connection gets, in ms; 10 min by default. */
  readonly maxConnectionAgeMs?: number;
  /** Whether requests go again where that is safe; true by default. */
  readonly replay?: boolean;
  /** Longest wait for the head of an answer, in ms, where a request says nothing else; 30 s by default. */
  readonly headersTimeoutMs?: number;
  /** Longest silence in a body, in ms, where a request says nothing else; 30 s by default. */
  readonly bodyTimeoutMs?: number;
  readonly lookup?: Lookup;
  /** Told when an address is left alone and when it is taken back. */
  readonly onEvent?: (event: AddressEvent) => void;
  /** Told when the breaker opens, tries and closes. */
  readonly onCircuit?: (state: CircuitState) => void;
}

/** What a pool does at present, and what it did since it was made. */
export interface PoolState {
  readonly circuit: CircuitState;
  /** Requests that run or wait. */
  readonly inFlight: number;
  readonly maxInFlight: number;
  /** Requests that were refused because the breaker was open. */
  readonly refusedOpen: number;
  /** Requests that were refused because too many ran and waited. */
  readonly refusedBusy: number;
  /** Requests that were repeated. */
  readonly retries: number;
  /** Requests that were not repeated because too many were. */
  readonly retriesDenied: number;
}
