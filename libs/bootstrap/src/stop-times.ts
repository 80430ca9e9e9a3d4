import { type Config, platformConfig } from '@nexus/config';
import type { Composition } from './compose.js';

/** How a stop is timed, in ms. */
export interface StopTimes {
  /** Readiness answers 503, and connections are still taken: for balancers that look at readiness. */
  readonly drainMs: number;
  /** Idle connections are left to their clients. */
  readonly idleMs: number;
  /** Everything from then on. */
  readonly timeoutMs: number;
}

/** Time for a balancer that looks once a second. */
const EDGE_DRAIN_MS = 2_000;
/** A second longer than the platform's own processes keep a connection that they do not use. */
const IDLE_MS = 6_000;

/**
 * What is configured, else what the process is for: where it is one of several, clients can go elsewhere and are given
 * the time for it. A process that holds the whole platform has nobody to hand them to, and stops at once.
 */
export function stopTimes(config: Config, { role, proxied }: Composition): StopTimes {
  const { SHUTDOWN_DRAIN_MS, SHUTDOWN_IDLE_MS, SHUTDOWN_TIMEOUT_MS } = config.get(platformConfig);
  const alone = role === 'edge' && proxied.length === 0;
  return {
    drainMs: SHUTDOWN_DRAIN_MS ?? (role === 'edge' && !alone ? EDGE_DRAIN_MS : 0),
    idleMs: Math.min(SHUTDOWN_IDLE_MS ?? (alone ? 0 : IDLE_MS), SHUTDOWN_TIMEOUT_MS),
    timeoutMs: SHUTDOWN_TIMEOUT_MS,
  };
}
