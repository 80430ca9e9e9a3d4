import type { Server } from 'node:http';
import type { Config } from '@nexus/config';
import { registerCollector } from '@nexus/observability';
import { ClientPace, type PaceOptions } from './chain/client-pace.js';
import { ConnectionCaps } from './chain/connection-caps.js';
import { type FrontOptions, writeFault } from './chain/front.js';
import { edgeConfig } from './edge.config.js';
import type { PolicyParts } from './policy.js';

function paceOptions(config: Config): PaceOptions {
  const edge = config.get(edgeConfig);
  return {
    bodies: {
      bytesPerSecond: edge.GATEWAY_BODY_BYTES_PER_SECOND,
      graceMs: edge.GATEWAY_BODY_GRACE_SECONDS * 1000,
    },
    answers: {
      bytesPerSecond: edge.GATEWAY_ANSWER_BYTES_PER_SECOND,
      graceMs: edge.GATEWAY_ANSWER_GRACE_SECONDS * 1000,
    },
  };
}

function registerMetrics(caps: ConnectionCaps, pace: ClientPace): () => void {
  const counter = { type: 'counter' } as const;
  const gone = [
    registerCollector('http_server_open_connections', 'Open connections of clients.', [], () => [{ value: caps.open }]),
    registerCollector(
      'http_server_refused_connections_total',
      'Connections of clients that were refused, by which cap.',
      ['cap'],
      () => Object.entries(caps.refused).map(([cap, value]) => ({ labels: { cap }, value })),
      counter,
    ),
    registerCollector(
      'http_server_slow_clients_total',
      'Requests that were ended because their client was too slow, by with what.',
      ['with'],
      () => Object.entries(pace.ended).map(([slow, value]) => ({ labels: { with: slow }, value })),
      counter,
    ),
  ];
  return () => {
    for (const unregister of gone) unregister();
  };
}

/** Holds the clients of a listener to the caps on connections and to a least speed. To be called before it listens. */
export function limitClients(server: Server, policy: PolicyParts, front: FrontOptions): void {
  const { config, proxies, inFlight } = policy;
  const edge = config.get(edgeConfig);
  const caps = new ConnectionCaps({
    total: edge.GATEWAY_CONNECTIONS,
    perAddress: edge.GATEWAY_CONNECTIONS_PER_ADDRESS,
    exempt: (address) => proxies.trusts(address),
    refuse: (socket, error) => writeFault(front, socket, error, Object.entries(error.headers).flat()),
  });
  const pace = new ClientPace(paceOptions(config));
  pace.watch(server, () => inFlight.all);
  caps.guard(server);
  let unregister = () => {};
  server.once('listening', () => {
    unregister = registerMetrics(caps, pace);
  });
  server.once('close', () => unregister());
}
