/** Who reaches whom under the rendered NetworkPolicies, and who should after what the code declares. */
import type { ServiceDefinition } from '@nexus/bootstrap';
import { NAMESPACE } from './charts.js';
import { MANAGEMENT_PORT } from './environment.js';
import { type Manifest, serviceOf, type Workload, workloadsOf } from './manifests.js';
import { type Endpoint, NetworkPolicies, type Port } from './network.js';
import { callsOf, catalog, definitionOf, egressOf, type System, withDatabase } from './platform.js';

const tcp = (number: number): Port => ({ number, protocol: 'TCP' });
const DNS_PORTS: readonly Port[] = [{ number: 53, protocol: 'UDP' }, tcp(53)];

/** Ports that are tried between all: those of the platform and of everything around it, and some of neither. */
const PORTS: readonly Port[] = [
  ...catalog.map(({ port }) => tcp(port)),
  tcp(MANAGEMENT_PORT),
  ...DNS_PORTS,
  ...[22, 80, 443, 465, 587, 4317, 5432, 6379, 8200, 9200, 9229].map(tcp),
  { number: 8080, protocol: 'UDP' },
];

const podOf = (name: string, namespace: string, labels: Record<string, string>, address: string): Endpoint => ({
  name,
  pod: { namespace, namespaceLabels: {}, labels, ports: {} },
  address,
});

/** Systems around the platform, where the values say that they are. */
export const AROUND = {
  dns: podOf('dns', 'kube-system', { 'k8s-app': 'kube-dns' }, '10.96.0.10'),
  postgres: podOf('postgres', 'postgres', { app: 'postgres' }, '10.2.0.1'),
  redis: podOf('redis', 'redis', { app: 'redis' }, '10.2.0.2'),
  vault: podOf('vault', 'vault', { app: 'vault' }, '10.2.0.3'),
  clients: podOf('clients', 'gateway-system', { app: 'envoy' }, '10.2.0.4'),
  monitoring: podOf('monitoring', 'monitoring', { app: 'prometheus' }, '10.2.0.5'),
  smtp: { name: 'smtp', address: '198.51.100.25' },
} satisfies Record<string, Endpoint>;

/** Those with whom the platform has nothing to do, however alike they look. */
export const STRANGERS: readonly Endpoint[] = [
  podOf('somebody in the namespace', NAMESPACE, { app: 'other' }, '10.1.9.1'),
  podOf('a gateway elsewhere', 'other', gatewayLabels(), '10.3.0.1'),
  podOf('somebody beside the DNS', 'kube-system', { 'k8s-app': 'other' }, '10.96.0.11'),
  { name: 'a node', address: '10.200.0.1' },
  { name: "the cloud's metadata", address: '169.254.169.254' },
  { name: 'a private network', address: '192.168.1.1' },
];

/** Somewhere on the internet: mail goes there, and nothing else. */
const INTERNET: Endpoint = { name: 'the internet', address: '203.0.113.80' };

function gatewayLabels(): Record<string, string> {
  return {
    'app.kubernetes.io/name': 'gateway',
    'app.kubernetes.io/instance': NAMESPACE,
    'app.kubernetes.io/part-of': 'nexus',
    'app.kubernetes.io/component': 'service',
  };
}

/** `auth`, `auth:migrate`, `auth:test`. */
function nameOf({ does, labels, spec }: Workload): string {
  const service = serviceOf(labels).replace(/-(migrate|migration|test)$/, '');
  return does === 'serve' ? service : `${service || spec.serviceAccountName}:${does}`;
}

function endpointOf(workload: Workload, index: number): Endpoint {
  const ports = Object.fromEntries(
    workload.spec.containers.flatMap(({ ports = [] }) =>
      ports.flatMap(({ name, containerPort }) => (name ? [[name, containerPort]] : [])),
    ),
  );
  const { labels } = workload;
  return {
    name: nameOf(workload),
    pod: { namespace: NAMESPACE, namespaceLabels: {}, labels, ports },
    address: `10.1.0.${index + 1}`,
  };
}

/** The pods of a rendering. */
export function podsOf(documents: readonly Manifest[]): Endpoint[] {
  return workloadsOf(documents).map(endpointOf);
}

/** Every connection that can be opened with a pod of the platform at one end: `auth → user:8082`. */
export function reached(documents: readonly Manifest[]): string[] {
  const policies = new NetworkPolicies(documents, NAMESPACE);
  const own = podsOf(documents);
  const others = [...Object.values(AROUND), ...STRANGERS, INTERNET];
  const pairs = own.flatMap((pod) => [
    ...own.filter((other) => other !== pod).map((other) => [pod, other] as const),
    ...others.flatMap((other) => [[pod, other] as const, [other, pod] as const]),
  ]);
  return pairs
    .flatMap(([from, to]) =>
      PORTS.filter((port) => policies.allows(from, to, port)).map(
        ({ number, protocol }) => `${from.name} → ${to.name}:${number}${protocol === 'UDP' ? '/udp' : ''}`,
      ),
    )
    .sort();
}

/** Where each system outside is, and on which ports. */
const SYSTEMS: Readonly<Partial<Record<System, readonly string[]>>> = {
  postgres: ['postgres:5432'],
  redis: ['redis:6379'],
  // Mail servers are on the internet: which ones, the network cannot know.
  smtp: ['smtp:587', 'smtp:465', 'the internet:587', 'the internet:465'],
};
const DNS = ['dns:53', 'dns:53/udp'];

export interface Expected {
  /** A process of its own for each service, or one for all. */
  readonly shape: 'split' | 'monolith';
  /** Whether a Vault agent in each pod asks Vault. */
  readonly agent: boolean;
}

/** Every connection that the code declares; and health, metrics, names and secrets, which every pod needs. */
export function declared({ shape, agent }: Expected): string[] {
  const all = new Set<string>();
  const allow = (from: string, places: readonly string[]): void => {
    for (const place of places) all.add(`${from} → ${place}`);
  };
  const secrets = agent ? ['vault:8200'] : [];
  const process = (name: string, services: readonly ServiceDefinition[], port: number, isEdge: boolean): void => {
    const systems = services.flatMap(egressOf).flatMap((system) => {
      const places = SYSTEMS[system];
      if (!places) throw new Error(`Where is ${system}? Nothing is known of it here`);
      return places;
    });
    allow(name, [...DNS, ...secrets, ...systems]);
    allow('monitoring', [`${name}:${MANAGEMENT_PORT}`]);
    if (isEdge) allow('clients', [`${name}:${port}`]);
    allow(`${name}:test`, [...DNS, `${name}:${isEdge ? port : MANAGEMENT_PORT}`]);
    if (services.some((service) => withDatabase.includes(service.name)))
      allow(`${name}:migrate`, [...DNS, ...secrets, 'postgres:5432']);
  };
  if (shape === 'monolith') process('nexus', catalog, definitionOf('gateway').port, true);
  else {
    for (const service of catalog) {
      process(service.name, [service], service.port, service.name === 'gateway');
      allow(
        service.name,
        callsOf(service).map((callee) => `${callee}:${definitionOf(callee).port}`),
      );
    }
  }
  return [...all].sort();
}
