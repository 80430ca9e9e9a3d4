/** Forms of the pieces of Kubernetes objects that values pass on as they are; only what is known here is taken. */
import { list, record, type Schema, STRING, STRINGS } from './values-tree.ts';

const labelSelector = record({
  matchLabels: STRINGS,
  matchExpressions: list(
    record({ key: STRING, operator: { enum: ['In', 'NotIn', 'Exists', 'DoesNotExist'] }, values: list(STRING) }, [
      'key',
      'operator',
    ]),
  ),
});

/** NetworkPolicyPeer: an empty one would be no peer at all. */
const networkPeer: Schema = {
  ...record({
    namespaceSelector: labelSelector,
    podSelector: labelSelector,
    ipBlock: record({ cidr: STRING, except: list(STRING) }, ['cidr']),
  }),
  minProperties: 1,
};

const networkPort = record(
  { protocol: { enum: ['TCP', 'UDP'] }, port: { type: 'integer', minimum: 1, maximum: 65_535 } },
  ['port'],
);

/** At least one: in a NetworkPolicy, no peer at all would mean everybody. */
export const networkPeers = list(networkPeer, { minItems: 1 });
export const networkPorts = list(networkPort, { minItems: 1 });

export const ingressRules = list(record({ from: networkPeers, ports: networkPorts }, ['from', 'ports']));
export const egressRules = list(record({ to: networkPeers, ports: networkPorts }, ['to', 'ports']));

export const tolerations = list(
  record({
    key: STRING,
    operator: { enum: ['Exists', 'Equal'] },
    value: { type: 'string' },
    effect: { enum: ['NoSchedule', 'PreferNoSchedule', 'NoExecute'] },
    tolerationSeconds: { type: 'integer', minimum: 0 },
  }),
);

/** ParentReference of the Gateway API. */
export const parentRefs = list(
  record(
    {
      group: STRING,
      kind: STRING,
      name: STRING,
      namespace: STRING,
      sectionName: STRING,
      port: { type: 'integer', minimum: 1, maximum: 65_535 },
    },
    ['name'],
  ),
  { minItems: 1 },
);

/** A source of a trust-manager Bundle. */
export const trustSources = list({
  ...record({
    secret: record({ name: STRING, key: STRING }, ['name', 'key']),
    configMap: record({ name: STRING, key: STRING }, ['name', 'key']),
  }),
  minProperties: 1,
  maxProperties: 1,
});
