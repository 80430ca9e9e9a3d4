import type { ChartPlatform, ChartService } from './chart-platform.ts';
import { configGroup } from './config-values.ts';
import { egressRules, ingressRules, parentRefs, tolerations } from './kubernetes-forms.ts';
import { count, flag, type Group, group, leaf, list, overrides, record, STRING, STRINGS, text } from './values-tree.ts';

/** More gateways than services of a kind: they hold no database connections. */
const GATEWAY_MAX_REPLICAS = 10;
const EDGE_DRAIN_MS = 2000;

const scheduling: Group['fields'] = {
  podLabels: leaf('More labels of its pods.', {}, STRINGS),
  podAnnotations: leaf('More annotations of its pods.', {}, STRINGS),
  nodeSelector: leaf('Labels of the nodes it may run on.', {}, STRINGS),
  tolerations: leaf('Taints of nodes that it does not mind.', [], tolerations),
  priorityClassName: text('PriorityClass of its pods.', ''),
};

function shutdown(drainMs: number): Group {
  return group('How a pod stops; from these figures its grace period is computed.', {
    preStopSeconds: count(
      'How long it goes on as before while the cluster takes it out of use, in seconds.',
      10,
      0,
      120,
    ),
    drainMs: count('How long readiness then answers 503 while connections are still taken, in ms.', drainMs, 0, 60_000),
    idleMs: count('How long idle connections are left to their clients, in ms.', 6000, 0, 60_000),
    timeoutMs: count('How long requests in flight may take, in ms.', 8000, 100, 300_000),
  });
}

function autoscaling(maxReplicas?: number): Group {
  const fields = {
    enabled: flag('Whether an autoscaler decides; else there are `minReplicas`.', true),
    minReplicas: count('At least.', 3, 3),
    maxReplicas: count('At most.', maxReplicas ?? 5, 3),
    targetCpuPercent: count('CPU at which pods are added, in percent.', 70, 10, 95),
  };
  const about = 'How many pods; what is not set here is taken from `global.autoscaling`.';
  return maxReplicas === undefined ? overrides(about, fields) : { about, fields, set: ['maxReplicas'] };
}

const edge: Group['fields'] = {
  httpRoute: group('How requests of clients get in: an HTTPRoute of the Gateway API.', {
    enabled: flag('Whether there is one.', true),
    parentRefs: leaf('The Gateways it is attached to.', [{ name: 'nexus', namespace: 'gateway-system' }], parentRefs),
    hostnames: leaf(
      'Its host names; empty: the one of `global.publicUrl`, unless that is localhost.',
      [],
      list(STRING),
    ),
    requestTimeout: text(
      'How long the Gateway waits for an answer; `0s`: as long as the platform itself allows (uploads and live streams take long).',
      '0s',
      { pattern: '^([0-9]{1,5}(h|m|s|ms)){1,4}$' },
    ),
  }),
  ingress: group('An Ingress, for clusters without the Gateway API.', {
    enabled: flag('Whether there is one.', false),
    className: text('Its class.', ''),
    annotations: leaf('Its annotations.', {}, STRINGS),
    hosts: leaf('Its host names; empty: the one of `global.publicUrl`, unless that is localhost.', [], list(STRING)),
    tls: leaf(
      'Its certificates.',
      [],
      list(record({ hosts: list(STRING), secretName: STRING }, ['hosts', 'secretName'])),
    ),
  }),
  service: group('Its Service.', {
    annotations: leaf('Annotations.', {}, STRINGS),
  }),
  routesFile: group('Overrides of operations and routes to servers outside (docs/gateway.md).', {
    enabled: flag('Whether the file `gateway-routes` is among the secrets.', false),
  }),
};

const admin: Group = group('The first admin.', {
  email: text('Address of the account; with it, the file `admin-password` has to be among the secrets.', ''),
});

const persistence: Group = group(
  'The volume that holds the files of all users. All pods write to it, so it has to be one that many nodes can mount.',
  {
    existingClaim: text(
      'A claim that is there already, with access mode ReadWriteMany; else one is made, and kept.',
      '',
    ),
    storageClassName: text("Storage class of the claim; empty: the cluster's own.", ''),
    size: text('Its size.', '100Gi', { pattern: '^[1-9][0-9]*(Mi|Gi|Ti|Pi)$' }),
  },
);

const pool: Group = overrides(
  'Connections of one process; what is not set here is taken from `global.postgres.pools`.',
  {
    size: count('Connections.', 20, 2, 30),
    overflow: count('Connections beyond those; both together never above 30.', 10, 2, 28),
    timeoutSeconds: count('How long a request waits for a connection, in seconds.', 30, 1, 60),
  },
);

const resources: Group = overrides(
  'What a pod asks for and may have; what is not set is taken from `global.resources`.',
  {
    memoryMebibytes: count('Memory in MiB.', 512, 256),
    cpuMillicores: count('Thousandths of a core.', 500, 100),
  },
);

interface Shape {
  readonly database: boolean;
  readonly edge: boolean;
  readonly accounts: boolean;
  readonly files: boolean;
  readonly config: Group;
}

function workload({ database, edge: isEdge, accounts, files, config }: Shape): Group['fields'] {
  return {
    config,
    autoscaling: autoscaling(isEdge && !database ? GATEWAY_MAX_REPLICAS : undefined),
    resources,
    ...(database ? { pool } : {}),
    shutdown: shutdown(isEdge ? EDGE_DRAIN_MS : 0),
    ...(isEdge ? edge : {}),
    ...(accounts ? { admin } : {}),
    ...(files ? { persistence } : {}),
    secrets: group('Its secrets.', {
      existingSecret: text('Name of its Secret with provider `existingSecret`; empty: `<name>-secrets`.', ''),
      ...(database
        ? {
            migrationKey: text(
              'Which of its secrets is the DATABASE_URL of migrations; another one lets them have rights of their own.',
              'database-url',
              { minLength: 1 },
            ),
          }
        : {}),
    }),
    networkPolicy: group('What may pass besides what the platform declares.', {
      extraIngress: leaf('More that may come in.', [], ingressRules),
      extraEgress: leaf('More that may go out.', [], egressRules),
    }),
    ...scheduling,
  };
}

/** The values of one service's chart, `global` and the library's name aside. */
export function serviceValues(service: ChartService, platform: ChartPlatform): Group['fields'] {
  const { name, database, slices } = service;
  const config = configGroup(
    'Settings of this service (docs/config.md), over those of `global.config`.',
    [...slices, ...platform.slices],
    {},
  );
  return workload({ database, config, edge: name === 'gateway', accounts: name === 'auth', files: name === 'file' });
}

/** The values of the process that holds all services. */
export function monolithValues({ services, slices }: ChartPlatform): Group {
  const all = [...new Set([...services.flatMap((service) => service.slices), ...slices])];
  const config = configGroup('Settings of the process (docs/config.md), over those of `global.config`.', all);
  const fields = workload({ database: true, edge: true, accounts: true, files: true, config });
  return group('The process that holds all services, with `global.mode=monolith`.', fields);
}
