import type { RequestSpec } from './request-template.ts';

/** What the load process is told to do: open the connections, then `run` until `stop`. */
export interface LoadPlan {
  host: string;
  port: number;
  connections: number;
  /** Sent in turn, each connection starting at another one. */
  requests: RequestSpec[];
  expectedStatus: number;
  /** Text that the head of every response has to contain, if any. */
  expectedHead?: string;
  /** Where `{{counter}}` starts, so that runs against one database never repeat a value. */
  firstCounter: number;
}

/** Times are in milliseconds except the latencies, which are in microseconds. */
export interface LoadResult {
  requests: number;
  wallMs: number;
  /** CPU of the load process itself, to tell whether it was the bottleneck. */
  loadCpuMs: number;
  p50: number;
  p99: number;
  max: number;
  /** Everything that went wrong, by kind: `status 500`, `socket ECONNRESET`, `framing …`, `timeout`. */
  errors: Record<string, number>;
  /** Responses with the right status whose head lacked the expected text. */
  headMismatches: number;
  nextCounter: number;
}

export type LoadCommand = { type: 'open'; plan: LoadPlan } | { type: 'run' } | { type: 'stop' };

export type LoadEvent =
  | { type: 'ready' }
  | { type: 'opened' }
  | { type: 'finished'; result: LoadResult }
  | { type: 'failed'; reason: string };
