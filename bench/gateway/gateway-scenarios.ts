import type { Ratio, Scenario } from '../scenarios.ts';

const gatewayAgainst = (id: string, against: Ratio['against'], target: number, ambition: number): Ratio => ({
  id,
  of: 'gateway',
  against,
  target,
  ambition,
});

/** The gateway's data path, and the platform as several processes. All of them are sent the same request. */
export const GATEWAY_SCENARIOS: readonly Scenario[] = [
  {
    name: 'proxied-get',
    title: 'GET through the gateway: full policy, plain upstream that answers 1,089 bytes of JSON',
    connections: 64,
    contestants: ['gateway', 'http-proxy', 'http-request', 'undici-dispatch', 'own-bare', 'nginx'],
    ratios: [
      gatewayAgainst('G1', 'http-proxy', 0.6, 0.5),
      gatewayAgainst('G2', 'http-request', 0.85, 0.72),
      { ...gatewayAgainst('G3', 'undici-dispatch', 1.25, 1.15), informative: true },
      gatewayAgainst('G4', 'nginx', 5.5, 4.5),
      gatewayAgainst('G5', 'own-bare', 1.25, 1.15),
      { of: 'own-bare', against: 'undici-dispatch' },
    ],
  },
  {
    name: 'mtls-get',
    title: 'The same with mutual TLS to the upstream',
    connections: 64,
    contestants: ['gateway-plain', 'gateway-mtls'],
    ratios: [{ id: 'T1', of: 'gateway-mtls', against: 'gateway-plain', target: 1.6, ambition: 1.4 }],
  },
  {
    name: 'split-get',
    title: 'GET a project from the cache: one process, or gateway and project service together',
    connections: 64,
    contestants: ['split', 'split-mtls', 'nexus', 'nest-hello'],
    ratios: [
      { id: 'G6', of: 'split', against: 'nest-hello', target: 3, ambition: 2.5 },
      { id: 'G6 with mTLS', of: 'split-mtls', against: 'nest-hello', target: 4 },
      { id: 'G7', of: 'nexus', against: 'nest-hello', target: 1.4, ambition: 1.25 },
      { of: 'split-mtls', against: 'split' },
    ],
  },
];
