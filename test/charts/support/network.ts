/**
 * What NetworkPolicies allow, after the documentation of `networking.k8s.io/v1`: a pod that no policy of a direction
 * selects is open in that direction; else what any rule of any of its policies allows is allowed. A connection needs the
 * leave of both of its ends. Addresses outside the cluster have no policies.
 */
import { isIPv4 } from 'node:net';
import {
  type Labels,
  type Manifest,
  type NetworkPolicySpec,
  ofKind,
  type PolicyPeer,
  type PolicyPort,
  selects,
} from './manifests.js';

/** Somebody who connects, or is connected to. */
export interface Endpoint {
  readonly name: string;
  /** Absent for what is no pod of the cluster. */
  readonly pod?: {
    readonly namespace: string;
    readonly namespaceLabels: Labels;
    readonly labels: Labels;
    /** Named ports of its containers. */
    readonly ports: Readonly<Record<string, number>>;
  };
  /** IPv4 address. */
  readonly address: string;
}

export interface Port {
  readonly number: number;
  readonly protocol: 'TCP' | 'UDP';
}

interface Policy {
  readonly namespace: string;
  readonly spec: NetworkPolicySpec;
}

function toNumber(address: string): number {
  if (!isIPv4(address)) throw new Error(`${address} is no IPv4 address`);
  return address.split('.').reduce((number, part) => number * 256 + Number(part), 0);
}

/** Whether an IPv4 address is in a block; one of IPv6 holds none. */
export function inBlock(address: string, cidr: string): boolean {
  const [network = '', length = '32'] = cidr.split('/');
  if (!isIPv4(network)) return false;
  const size = 2 ** (32 - Number(length));
  return Math.floor(toNumber(address) / size) === Math.floor(toNumber(network) / size);
}

/** The policies of a release whose namespaced documents name no namespace. */
export class NetworkPolicies {
  readonly #policies: readonly Policy[];

  constructor(documents: readonly Manifest[], namespace: string) {
    this.#policies = ofKind(documents, 'NetworkPolicy').map(({ metadata, spec }) => ({
      namespace: metadata.namespace ?? namespace,
      spec,
    }));
  }

  /** Whether a connection from one to another can be opened. */
  allows(from: Endpoint, to: Endpoint, port: Port): boolean {
    return this.#leaves(from, to, port) && this.#enters(from, to, port);
  }

  /** Whether a direction is denied to a pod unless a rule allows it. */
  isolates({ pod }: Endpoint, direction: 'Ingress' | 'Egress'): boolean {
    return this.#selecting(pod, direction).length > 0;
  }

  #selecting(pod: Endpoint['pod'], direction: 'Ingress' | 'Egress'): Policy[] {
    if (!pod) return [];
    return this.#policies.filter(
      ({ namespace, spec }) =>
        namespace === pod.namespace &&
        selects(spec.podSelector, pod.labels) &&
        // Without types a policy is one of ingress, and one of egress when it has rules for that.
        (spec.policyTypes ?? ['Ingress', ...(spec.egress ? ['Egress'] : [])]).includes(direction),
    );
  }

  #leaves(from: Endpoint, to: Endpoint, port: Port): boolean {
    const policies = this.#selecting(from.pod, 'Egress');
    return (
      policies.length === 0 ||
      policies.some(({ namespace, spec }) =>
        (spec.egress ?? []).some(
          (rule) => matchesPeer(rule.to, to, namespace) && matchesPort(rule.ports, port, to.pod?.ports ?? {}),
        ),
      )
    );
  }

  #enters(from: Endpoint, to: Endpoint, port: Port): boolean {
    const policies = this.#selecting(to.pod, 'Ingress');
    return (
      policies.length === 0 ||
      policies.some(({ namespace, spec }) =>
        (spec.ingress ?? []).some(
          (rule) => matchesPeer(rule.from, from, namespace) && matchesPort(rule.ports, port, to.pod?.ports ?? {}),
        ),
      )
    );
  }
}

/** No peers at all means everybody. */
function matchesPeer(peers: readonly PolicyPeer[] | undefined, other: Endpoint, namespace: string): boolean {
  if (!peers || peers.length === 0) return true;
  return peers.some(({ podSelector, namespaceSelector, ipBlock }) => {
    if (ipBlock) {
      // Pods have addresses too; whether a network looks at those is not laid down, so they count.
      const { cidr, except = [] } = ipBlock;
      return inBlock(other.address, cidr) && !except.some((inner) => inBlock(other.address, inner));
    }
    if (!other.pod) return false;
    const { pod } = other;
    const inNamespace = namespaceSelector
      ? selects(namespaceSelector, { 'kubernetes.io/metadata.name': pod.namespace, ...pod.namespaceLabels })
      : pod.namespace === namespace;
    return inNamespace && selects(podSelector ?? {}, pod.labels);
  });
}

/** No ports at all means every port; a name is one of the port's own pod. */
function matchesPort(ports: readonly PolicyPort[] | undefined, port: Port, names: Readonly<Record<string, number>>) {
  if (!ports || ports.length === 0) return true;
  return ports.some(({ protocol = 'TCP', port: wanted, endPort }) => {
    if (protocol !== port.protocol) return false;
    if (wanted === undefined) return true;
    const first = typeof wanted === 'number' ? wanted : names[wanted];
    if (first === undefined) return false;
    return endPort === undefined ? port.number === first : port.number >= first && port.number <= endPort;
  });
}
