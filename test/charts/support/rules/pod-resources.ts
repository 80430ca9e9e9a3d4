/** C6, C8, C9: what pods take, how they lie, start and stop. */
import { type Container, containersOf, named, ofKind, selects, type Workload, workloadsOf } from '../manifests.js';
import { type Breakable, first, type Rule, unless } from './rule.js';

const HEAP_SHARE = 0.75;

/** A quantity of memory in MiB. @throws Error for other units, which the charts do not use */
export function mebibytes(quantity: string | undefined): number {
  const [, figure, unit] = /^(\d+)(Mi|Gi)$/.exec(quantity ?? '') ?? [];
  if (!figure) throw new Error(`${quantity} is no quantity of memory that is known here`);
  return Number(figure) * (unit === 'Gi' ? 1024 : 1);
}

/** The figure of a flag of Node, `--max-old-space-size=384`. */
export function flagOf({ command = [], args = [] }: Container, name: string): string | undefined {
  return [...command, ...args].find((argument) => argument.startsWith(`${name}=`))?.slice(name.length + 1);
}

const containerOf = (documents: Breakable[]): Breakable =>
  first(documents, 'Deployment').spec.template.spec.containers[0];

function resourceFaults(container: Container, wanted: Readonly<Record<string, string>> | undefined): string[] {
  const { requests = {}, limits = {} } = container.resources ?? {};
  if (!limits.cpu || !limits.memory) return ['has no limits'];
  const heap = Number(flagOf(container, '--max-old-space-size'));
  return [
    ...unless(requests.cpu === limits.cpu && requests.memory === limits.memory, 'asks for less than its limits'),
    ...Object.entries(wanted ?? {}).flatMap(([name, figure]) =>
      unless(limits[name] === figure, `${name} is ${limits[name]} instead of ${figure}`),
    ),
    ...unless(heap > 0, 'has no limit of its heap'),
    ...unless(!(heap > mebibytes(limits.memory) * HEAP_SHARE), `its heap of ${heap} MiB is too large`),
  ];
}

/** @param wanted what every pod takes, where that is laid down */
export const resources = (wanted?: Readonly<Record<string, string>>): Rule => ({
  name: 'every container asks for what it may have, and its heap leaves room',
  faults: (documents) =>
    workloadsOf(documents).flatMap(({ document, spec, does }) =>
      containersOf(spec).flatMap((container) =>
        resourceFaults(container, does === 'serve' ? wanted : undefined).map(
          (fault) => `${named(document)}, ${container.name}: ${fault}`,
        ),
      ),
    ),
  broken: {
    'no resources': (documents) => delete containerOf(documents).resources,
    'less memory asked for': (documents) => {
      containerOf(documents).resources.requests.memory = '256Mi';
    },
    'a heap as large as the pod': (documents) => {
      const container = containerOf(documents);
      const all = mebibytes(container.resources.limits.memory);
      const resized = (text: string): string => text.replace(/(--max-old-space-size=)\d+/, `$1${all}`);
      if (container.command) container.command = container.command.map(resized);
      if (container.args) container.args = container.args.map(resized);
    },
    'a heap without limit': (documents) => {
      const container = containerOf(documents);
      const isOther = (text: string): boolean => !text.startsWith('--max-old-space-size');
      if (container.command) container.command = container.command.filter(isOther);
      if (container.args) container.args = container.args.filter(isOther);
    },
    'a Job without limits': (documents) =>
      delete first(documents, 'Job').spec.template.spec.containers[0].resources.limits,
    ...(wanted && {
      'more than every pod takes': (documents: Breakable[]) => {
        const { requests, limits } = containerOf(documents).resources;
        requests.cpu = limits.cpu = '2';
      },
    }),
  },
});

const PROBES = {
  startupProbe: '/health/live',
  livenessProbe: '/health/live',
  readinessProbe: '/health/ready',
} as const;

function probeFaults(container: Container, managementPort: number): string[] {
  const numberOf = (port: number | string | undefined): number | undefined =>
    typeof port === 'number' ? port : container.ports?.find(({ name }) => name === port)?.containerPort;
  return Object.entries(PROBES).flatMap(([kind, path]) => {
    const probe = container[kind as keyof typeof PROBES];
    const asked = probe?.httpGet;
    if (!asked) return [`has no ${kind}`];
    return [
      ...unless(asked.path === path, `${kind} asks ${asked.path}`),
      ...unless(numberOf(asked.port) === managementPort, `${kind} asks port ${asked.port}`),
      ...unless((asked.scheme ?? 'HTTP') === 'HTTP', `${kind} speaks ${asked.scheme}`),
      // One answer that comes late is no reason to end a process.
      ...unless(kind !== 'livenessProbe' || (probe.failureThreshold ?? 3) >= 3, 'livenessProbe is impatient'),
    ];
  });
}

/** Names of the phases of a stop, in ms. */
const PHASES = ['SHUTDOWN_DRAIN_MS', 'SHUTDOWN_IDLE_MS', 'SHUTDOWN_TIMEOUT_MS'];
const PRE_STOP_SECONDS = 10;
const RESERVE_SECONDS = 5;

function stopFaults({ spec }: Workload, environment: Readonly<Record<string, string>>): string[] {
  const sleep = spec.containers[0]?.lifecycle?.preStop?.sleep?.seconds ?? 0;
  const phases = PHASES.map((name) => Number(environment[name] ?? Number.NaN) / 1000);
  const needed = sleep + phases.reduce((sum, seconds) => sum + seconds, 0) + RESERVE_SECONDS;
  const grace = spec.terminationGracePeriodSeconds ?? 30;
  return [
    ...unless(sleep >= PRE_STOP_SECONDS, `waits for ${sleep} s before it stops`),
    ...unless(grace >= needed, `has ${grace} s to stop and may need ${needed} s`),
  ];
}

/**
 * @param managementPort where health is asked for
 * @param environmentOf what the first container of a workload has in its environment
 */
export const lifeCycle = (
  managementPort: number,
  environmentOf: (workload: Workload, documents: Parameters<Rule['faults']>[0]) => Readonly<Record<string, string>>,
): Rule => ({
  name: 'pods are asked on the management port and have the time to stop',
  faults: (documents) =>
    workloadsOf(documents)
      .filter(({ does }) => does === 'serve')
      .flatMap((workload) =>
        [
          ...workload.spec.containers.flatMap((container) => probeFaults(container, managementPort)),
          ...stopFaults(workload, environmentOf(workload, documents)),
        ].map((fault) => `${named(workload.document)}: ${fault}`),
      ),
  broken: {
    'no readiness': (documents) => delete containerOf(documents).readinessProbe,
    'no startup probe': (documents) => delete containerOf(documents).startupProbe,
    'liveness depends on others': (documents) => {
      containerOf(documents).livenessProbe.httpGet.path = '/health/ready';
    },
    'the port of peers': (documents) => {
      containerOf(documents).readinessProbe.httpGet.port = 8081;
    },
    'one late answer ends it': (documents) => {
      containerOf(documents).livenessProbe.failureThreshold = 1;
    },
    'no wait before the stop': (documents) => delete containerOf(documents).lifecycle,
    'too little time to stop': (documents) => {
      first(documents, 'Deployment').spec.template.spec.terminationGracePeriodSeconds = 15;
    },
  },
});

export const rollout: Rule = {
  name: 'pods are replaced without a gap and lie apart',
  faults: (documents) =>
    ofKind(documents, 'Deployment').flatMap((document) => {
      const { spec } = document;
      const { type, rollingUpdate = {} } = spec.strategy ?? {};
      const labels = spec.template.metadata?.labels ?? {};
      const spread = spec.template.spec.topologySpreadConstraints ?? [];
      return [
        ...unless(type === 'RollingUpdate', `is replaced by ${type}`),
        ...unless(rollingUpdate.maxUnavailable === 0, `may lose ${rollingUpdate.maxUnavailable} at a roll-out`),
        ...unless(Number(rollingUpdate.maxSurge) >= 1, `has ${rollingUpdate.maxSurge} more at a roll-out`),
        ...unless((spec.minReadySeconds ?? 0) >= 5, 'counts a pod that was just ready'),
        ...unless(spec.revisionHistoryLimit === 3, `keeps ${spec.revisionHistoryLimit} revisions`),
        ...unless(selects(spec.selector, labels), 'does not select its own pods'),
        ...['topology.kubernetes.io/zone', 'kubernetes.io/hostname'].flatMap((topologyKey) =>
          unless(
            spread.some(
              ({ topologyKey: key, labelSelector, matchLabelKeys = [], maxSkew }) =>
                key === topologyKey &&
                maxSkew === 1 &&
                labelSelector !== undefined &&
                selects(labelSelector, labels) &&
                Object.keys(labelSelector.matchLabels ?? {}).length > 0 &&
                matchLabelKeys.includes('pod-template-hash'),
            ),
            `its pods are not spread by ${topologyKey}`,
          ),
        ),
      ].map((fault) => `${named(document)}: ${fault}`);
    }),
  broken: {
    'all at once': (documents) => {
      first(documents, 'Deployment').spec.strategy = { type: 'Recreate' };
    },
    'one less': (documents) => {
      first(documents, 'Deployment').spec.strategy.rollingUpdate.maxUnavailable = 1;
    },
    'none more': (documents) => {
      first(documents, 'Deployment').spec.strategy.rollingUpdate.maxSurge = 0;
    },
    'not spread over zones': (documents) => {
      const { spec } = first(documents, 'Deployment').spec.template;
      spec.topologySpreadConstraints = spec.topologySpreadConstraints.filter(
        ({ topologyKey }: { topologyKey: string }) => !topologyKey.includes('zone'),
      );
    },
    'spread by labels of others': (documents) => {
      for (const spread of first(documents, 'Deployment').spec.template.spec.topologySpreadConstraints)
        spread.labelSelector.matchLabels = { 'app.kubernetes.io/name': 'other' };
    },
    'old and new counted together': (documents) => {
      for (const spread of first(documents, 'Deployment').spec.template.spec.topologySpreadConstraints)
        delete spread.matchLabelKeys;
    },
    'counts at once': (documents) => delete first(documents, 'Deployment').spec.minReadySeconds,
  },
};
