import { registerCollector, type Sample } from '@nexus/observability';
import {
  type AddressState,
  type CircuitState,
  type ConcurrencyLimit,
  PRIORITIES,
  type ServicePool,
} from '@nexus/resilience';

const COUNTER = { type: 'counter' } as const;
const CIRCUITS: Readonly<Record<CircuitState, number>> = { closed: 0, half_open: 1, open: 2 };
const STATES: readonly (AddressState | 'unresolved')[] = ['untried', 'up', 'failing', 'ejected', 'unresolved'];

function unregisterAll(gone: readonly (() => void)[]): () => void {
  return () => {
    for (const unregister of gone) unregister();
  };
}

/** Registers what is known of the services that run elsewhere. @returns takes it away again */
export function registerPeerMetrics(pools: ReadonlyMap<string, ServicePool>): () => void {
  const each = (read: (pool: ServicePool) => number) => () =>
    [...pools].map(([service, pool]): Sample => ({ labels: { service }, value: read(pool) }));
  return unregisterAll([
    registerCollector(
      'upstream_circuit_state',
      'Whether a service is asked: 0 yes, 1 some requests are tried, 2 no, because it fails.',
      ['service'],
      each(({ state }) => CIRCUITS[state.circuit]),
    ),
    registerCollector('upstream_addresses', 'Addresses of a service by state.', ['service', 'state'], () =>
      [...pools].flatMap(([service, pool]) => {
        const reached = pool.reach();
        return STATES.map((state) => ({
          labels: { service, state },
          value: reached.filter((address) => address.state === state).length,
        }));
      }),
    ),
    registerCollector(
      'upstream_requests_in_flight',
      'Requests that run and wait at a service.',
      ['service'],
      each(({ state }) => state.inFlight),
    ),
    registerCollector(
      'upstream_max_requests',
      'Requests that may run and wait at a service.',
      ['service'],
      each(({ state }) => state.maxInFlight),
    ),
    registerCollector(
      'upstream_refused_requests_total',
      'Requests to a service that were not sent, by why: too many run and wait, or the service fails.',
      ['service', 'reason'],
      () =>
        [...pools].flatMap(([service, { state }]) => [
          { labels: { service, reason: 'busy' }, value: state.refusedBusy },
          { labels: { service, reason: 'open' }, value: state.refusedOpen },
        ]),
      COUNTER,
    ),
    registerCollector(
      'upstream_retries_total',
      'Requests to a service that were repeated, and that were not because too many were.',
      ['service', 'result'],
      () =>
        [...pools].flatMap(([service, { state }]) => [
          { labels: { service, result: 'granted' }, value: state.retries },
          { labels: { service, result: 'denied' }, value: state.retriesDenied },
        ]),
      COUNTER,
    ),
  ]);
}

/** Registers what is let into the process, and what is not. @returns takes it away again */
export function registerDoorMetrics(limit: ConcurrencyLimit): () => void {
  const each = (counts: () => readonly number[]) => () =>
    PRIORITIES.map((priority, rank): Sample => ({ labels: { priority }, value: counts()[rank] ?? 0 }));
  return unregisterAll([
    registerCollector(
      'http_server_concurrency_limit',
      'Requests that the process serves at a time at most.',
      [],
      () => [{ value: limit.limit }],
    ),
    registerCollector(
      'http_server_requests_in_service',
      'Requests that are served, by priority; streams do not count.',
      ['priority'],
      each(() => limit.serving),
    ),
    registerCollector(
      'http_server_shed_requests_total',
      'Requests that were refused because there was too much to do, by priority.',
      ['priority'],
      each(() => limit.shed),
      COUNTER,
    ),
  ]);
}
