/** C4: what kube-linter asks for and no other rule here does, so that it holds where there is no kube-linter, too. */
import { containersOf, type Manifest, named, ofKind, selects, workloadsOf } from '../manifests.js';
import { first, type Rule, unless } from './rule.js';

const IGNORED = 'ignore-check.kube-linter.io/';

/** Pods of one service prefer other nodes (`no-anti-affinity`). */
function apartFaults(documents: readonly Manifest[]): string[] {
  return ofKind(documents, 'Deployment').flatMap((document) => {
    const { metadata, spec } = document.spec.template;
    const { preferredDuringSchedulingIgnoredDuringExecution: preferred = [] } = spec.affinity?.podAntiAffinity ?? {};
    return unless(
      preferred.some(
        ({ podAffinityTerm: { topologyKey, labelSelector } }) =>
          topologyKey === 'kubernetes.io/hostname' && selects(labelSelector ?? {}, metadata?.labels ?? {}),
      ),
      `${named(document)}: its pods do not prefer nodes without each other`,
    );
  });
}

export const linted: Rule = {
  name: 'what linters ask for besides',
  faults: (documents) => [
    ...apartFaults(documents),
    ...ofKind(documents, 'Job').flatMap((document) =>
      unless((document.spec.ttlSecondsAfterFinished ?? 0) > 0, `${named(document)} stays for ever when it is done`),
    ),
    ...documents.flatMap((document) =>
      unless(
        !Object.keys(document.metadata.annotations ?? {}).some((name) => name.startsWith(IGNORED)),
        `${named(document)} keeps a linter from looking`,
      ),
    ),
    ...workloadsOf(documents).flatMap(({ document, spec, labels }) => [
      ...unless(!spec.securityContext?.sysctls, `${named(document)} changes the kernel`),
      ...unless(
        ofKind(documents, 'NetworkPolicy').some((policy) => selects(policy.spec.podSelector, labels)),
        `${named(document)} is open to everybody`,
      ),
      ...containersOf(spec).flatMap(({ ports = [], env = [], image }) => [
        ...unless(!ports.some(({ containerPort }) => containerPort === 22), `${named(document)} opens the port of SSH`),
        ...env.flatMap(({ name, value }) =>
          unless(!value || !/secret/i.test(name), `${named(document)} tells ${name}`),
        ),
        ...unless(/[:@][^/]+$/.test(image) && !image.endsWith(':latest'), `${named(document)} runs any ${image}`),
      ]),
    ]),
  ],
  broken: {
    'no distance': (documents) => delete first(documents, 'Deployment').spec.template.spec.affinity,
    'distance to others': (documents) => {
      const { podAntiAffinity } = first(documents, 'Deployment').spec.template.spec.affinity;
      for (const { podAffinityTerm } of podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution)
        podAffinityTerm.labelSelector = { matchLabels: { a: 'b' } };
    },
    'a Job that stays': (documents) => delete first(documents, 'Job').spec.ttlSecondsAfterFinished,
    'a linter that is told to look away': (documents) => {
      first(documents, 'Deployment').metadata.annotations = { [`${IGNORED}run-as-non-root`]: 'because' };
    },
    'a setting of the kernel': (documents) => {
      first(documents, 'Deployment').spec.template.spec.securityContext.sysctls = [
        { name: 'kernel.msgmax', value: '1' },
      ];
    },
    'a pod that no policy is about': (documents) => {
      first(documents, 'Pod').metadata.labels = { a: 'b' };
    },
    'the port of SSH': (documents) => {
      first(documents, 'Deployment').spec.template.spec.containers[0].ports.push({ containerPort: 22 });
    },
    'a secret in a variable': (documents) => {
      first(documents, 'Job').spec.template.spec.containers[0].env = [{ name: 'MY_SECRET', value: 'x' }];
    },
    'any image': (documents) => {
      first(documents, 'Deployment').spec.template.spec.containers[0].image = 'registry.example.com:5000/nexus';
    },
    'the latest image': (documents) => {
      first(documents, 'Deployment').spec.template.spec.containers[0].image = 'nexus:latest';
    },
  },
};
