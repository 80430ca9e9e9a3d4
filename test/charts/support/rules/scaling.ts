/** C7, C8: how many pods there are, and how many stay while nodes are emptied. */
import { type AutoscalerSpec, type Manifest, named, ofKind, selects, type Typed } from '../manifests.js';
import { first, type Rule, unless } from './rule.js';

const LEAST = 3;
const CPU_PERCENT = 70;

type Scaling = NonNullable<AutoscalerSpec['behavior']>;

function behaviourFaults({ scaleUp = {}, scaleDown = {} }: Scaling): string[] {
  const inWords = ({ policies = [] }: NonNullable<Scaling['scaleUp']>): string[] =>
    policies.map(({ type, value, periodSeconds }) => `${value} ${type}/${periodSeconds} s`).sort();
  const [up, down] = [inWords(scaleUp).join(', '), inWords(scaleDown).join(', ')];
  return [
    ...unless(scaleUp.stabilizationWindowSeconds === 0, 'waits before it adds pods'),
    ...unless(up === '100 Percent/30 s, 4 Pods/30 s', `adds ${up}`),
    ...unless((scaleUp.selectPolicy ?? 'Max') === 'Max', 'adds the fewest'),
    ...unless(scaleDown.stabilizationWindowSeconds === 300, 'takes pods away too soon, or too late'),
    ...unless(down === '1 Pods/60 s', `takes away ${down}`),
  ];
}

function autoscalerFaults({ apiVersion, spec }: Typed<'HorizontalPodAutoscaler'>): string[] {
  const { minReplicas = 1, maxReplicas, metrics = [], behavior = {} } = spec;
  const cpu = metrics.find(({ type, resource }) => type === 'Resource' && resource?.name === 'cpu')?.resource?.target;
  return [
    ...unless(apiVersion === 'autoscaling/v2', `is of ${apiVersion}`),
    ...unless(minReplicas >= LEAST, `goes down to ${minReplicas}`),
    ...unless(maxReplicas >= minReplicas, `has at most ${maxReplicas} and at least ${minReplicas}`),
    ...unless(
      cpu?.type === 'Utilization' && cpu.averageUtilization === CPU_PERCENT,
      `adds pods at ${cpu?.averageUtilization} % CPU`,
    ),
    ...behaviourFaults(behavior),
  ];
}

const scaled = (documents: readonly Manifest[], name: string): Typed<'HorizontalPodAutoscaler'>[] =>
  ofKind(documents, 'HorizontalPodAutoscaler').filter(
    ({ spec: { scaleTargetRef } }) => scaleTargetRef.kind === 'Deployment' && scaleTargetRef.name === name,
  );

export const autoscaling: Rule = {
  name: 'one autoscaler says how many pods each service has',
  faults: (documents) => [
    ...ofKind(documents, 'Deployment').flatMap(({ metadata, spec }) =>
      [
        ...unless(scaled(documents, metadata.name).length === 1, 'has not one autoscaler'),
        ...unless(spec.replicas === undefined, 'says itself how many pods it has'),
      ].map((fault) => `Deployment ${metadata.name}: ${fault}`),
    ),
    ...ofKind(documents, 'HorizontalPodAutoscaler').flatMap((document) =>
      autoscalerFaults(document).map((fault) => `${named(document)}: ${fault}`),
    ),
  ],
  broken: {
    'none for a service': (documents) => {
      first(documents, 'HorizontalPodAutoscaler').spec.scaleTargetRef.name = 'nobody';
    },
    'two masters': (documents) => {
      first(documents, 'Deployment').spec.replicas = 3;
    },
    'fewer than three': (documents) => {
      first(documents, 'HorizontalPodAutoscaler').spec.minReplicas = 2;
    },
    'less at most than at least': (documents) => {
      const { spec } = first(documents, 'HorizontalPodAutoscaler');
      spec.maxReplicas = spec.minReplicas - 1;
    },
    'at another CPU': (documents) => {
      first(documents, 'HorizontalPodAutoscaler').spec.metrics[0].resource.target.averageUtilization = 90;
    },
    'an older API': (documents) => {
      first(documents, 'HorizontalPodAutoscaler').apiVersion = 'autoscaling/v1';
    },
    'no behaviour': (documents) => delete first(documents, 'HorizontalPodAutoscaler').spec.behavior,
    'all away at once': (documents) => {
      first(documents, 'HorizontalPodAutoscaler').spec.behavior.scaleDown.policies[0].value = 10;
    },
  },
};

/** The other way: without autoscalers each Deployment says how many. */
export const fixedSize: Rule = {
  name: 'without autoscalers each service has a number of pods',
  faults: (documents) => [
    ...ofKind(documents, 'HorizontalPodAutoscaler').map((document) => `${named(document)} is there`),
    ...ofKind(documents, 'Deployment').flatMap((document) =>
      unless((document.spec.replicas ?? 1) >= LEAST, `${named(document)} has ${document.spec.replicas} pods`),
    ),
  ],
  broken: {
    'one of two': (documents) => {
      first(documents, 'Deployment').spec.replicas = 2;
    },
    'says nothing': (documents) => delete first(documents, 'Deployment').spec.replicas,
  },
};

export const disruption: Rule = {
  name: 'one disruption budget keeps all pods of each service but one',
  faults: (documents) =>
    ofKind(documents, 'Deployment').flatMap((document) => {
      const labels = document.spec.template.metadata?.labels ?? {};
      const budgets = ofKind(documents, 'PodDisruptionBudget').filter(({ spec }) => selects(spec.selector, labels));
      return [
        ...unless(budgets.length === 1, `has ${budgets.length} disruption budgets`),
        ...budgets.flatMap(({ spec }) => [
          ...unless(spec.maxUnavailable === 1, `may lose ${spec.maxUnavailable}`),
          ...unless(spec.minAvailable === undefined, `must keep ${spec.minAvailable}`),
          ...unless(spec.unhealthyPodEvictionPolicy === 'AlwaysAllow', 'keeps what is not healthy'),
        ]),
      ].map((fault) => `${named(document)}: ${fault}`);
    }),
  broken: {
    'none for a service': (documents) => {
      first(documents, 'PodDisruptionBudget').spec.selector.matchLabels = { a: 'b' };
    },
    'one for all': (documents) => {
      first(documents, 'PodDisruptionBudget').spec.selector = {};
    },
    'nodes cannot be emptied': (documents) => {
      first(documents, 'PodDisruptionBudget').spec.maxUnavailable = 0;
    },
    'unhealthy pods stay': (documents) =>
      delete first(documents, 'PodDisruptionBudget').spec.unhealthyPodEvictionPolicy,
  },
};

/** What the services may open at most: pods at a roll-out times the connections of one process. */
export function connectionsAtMost(
  documents: readonly Manifest[],
  poolOf: (deployment: Typed<'Deployment'>) => number,
): number {
  return ofKind(documents, 'Deployment').reduce((sum, deployment) => {
    const most = scaled(documents, deployment.metadata.name)[0]?.spec.maxReplicas ?? deployment.spec.replicas ?? 1;
    const { maxSurge = 0 } = deployment.spec.strategy?.rollingUpdate ?? {};
    return sum + (most + Number(maxSurge)) * poolOf(deployment);
  }, 0);
}
