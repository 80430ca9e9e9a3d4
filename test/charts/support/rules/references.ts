/** C3, as far as it can be said without a cluster: every name leads to something, and to the right thing. */
import {
  type Container,
  containersOf,
  hooksOf,
  type Manifest,
  named,
  ofKind,
  type PodSpec,
  selects,
  serviceOf,
  type VolumeSource,
  workloadsOf,
} from '../manifests.js';
import { first, type Rule, unless } from './rule.js';

const has = (documents: readonly Manifest[], kind: string, name: string): boolean =>
  documents.some((document) => document.kind === kind && document.metadata.name === name);

function sourceFaults(documents: readonly Manifest[], { configMap }: VolumeSource): string[] {
  return unless(
    !configMap || configMap.optional === true || has(documents, 'ConfigMap', configMap.name),
    `ConfigMap ${configMap?.name} is not there`,
  );
}

function containerFaults(documents: readonly Manifest[], spec: PodSpec, container: Container): string[] {
  const names = (container.env ?? []).map(({ name }) => name);
  return [
    ...(container.volumeMounts ?? []).flatMap(({ name }) =>
      unless(spec.volumes?.some((volume) => volume.name === name) === true, `volume ${name} is not there`),
    ),
    ...(container.envFrom ?? []).flatMap(({ configMapRef }) =>
      unless(!configMapRef || has(documents, 'ConfigMap', configMapRef.name), `${configMapRef?.name} is not there`),
    ),
    ...unless(new Set(names).size === names.length, 'sets a variable twice'),
  ];
}

/** @param provided names of ConfigMaps that others make */
export const pods = (provided: readonly string[] = []): Rule => ({
  name: 'pods find their volumes, and use all of them',
  faults: (documents) => {
    const known = [
      ...documents,
      ...provided.map((name) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } })),
    ];
    return workloadsOf(documents).flatMap(({ document, spec }) =>
      [
        ...(spec.volumes ?? []).flatMap((volume) => [
          ...[volume, ...(volume.projected?.sources ?? [])].flatMap((source) => sourceFaults(known, source)),
          ...unless(
            !volume.persistentVolumeClaim ||
              has(documents, 'PersistentVolumeClaim', volume.persistentVolumeClaim.claimName),
            `claim ${volume.persistentVolumeClaim?.claimName} is not there`,
          ),
          ...unless(!volume.emptyDir || !!volume.emptyDir.sizeLimit, `volume ${volume.name} may fill its node`),
        ]),
        ...containersOf(spec).flatMap((container) => containerFaults(known, spec, container)),
      ].map((fault) => `${named(document)}: ${fault}`),
    );
  },
  broken: {
    'a volume less': (documents) => first(documents, 'Deployment').spec.template.spec.volumes.pop(),
    'a volume without limit': (documents) => {
      const { volumes } = first(documents, 'Deployment').spec.template.spec;
      volumes.push({ name: 'more', emptyDir: {} });
    },
    'no ConfigMap': (documents) => {
      first(documents, 'ConfigMap').metadata.name = 'other';
    },
    'a variable twice': (documents) => {
      first(documents, 'Deployment').spec.template.spec.containers[0].env = [
        { name: 'A', value: '1' },
        { name: 'A', value: '2' },
      ];
    },
  },
});

/** Which pods a selector of the namespace takes, by their documents. */
function selected(documents: readonly Manifest[], matchLabels: Readonly<Record<string, string>> | undefined): string[] {
  if (!matchLabels) return [];
  return workloadsOf(documents).flatMap(({ document, labels }) =>
    selects({ matchLabels }, labels) ? [named(document)] : [],
  );
}

export const selectors: Rule = {
  name: 'Services, budgets and Deployments select the pods of their own service alone',
  faults: (documents) => [
    ...ofKind(documents, 'Service').flatMap((document) => {
      const pods = selected(documents, document.spec.selector);
      const own = workloadsOf(documents).find(({ document: it }) => named(it) === pods[0]);
      return [
        ...unless(pods.length === 1, `${named(document)} selects ${pods.join(' and ') || 'nothing'}`),
        ...unless(own === undefined || own.does === 'serve', `${named(document)} selects pods that serve nobody`),
        ...unless(
          own === undefined || serviceOf(own.labels) === serviceOf(document.metadata.labels),
          `${named(document)} selects the pods of another`,
        ),
        ...document.spec.ports.flatMap(({ port, targetPort = port }) =>
          unless(
            own === undefined ||
              containersOf(own.spec).some(({ ports = [] }) =>
                ports.some(({ name, containerPort }) => name === targetPort || containerPort === targetPort),
              ),
            `${named(document)} leads to port ${targetPort}, which nobody opens`,
          ),
        ),
      ];
    }),
    ...(['Deployment', 'PodDisruptionBudget'] as const).flatMap((kind) =>
      ofKind(documents, kind).flatMap((document) => {
        const { matchLabels = {}, matchExpressions = [] } = document.spec.selector;
        const pods = workloadsOf(documents).filter(({ labels }) => selects({ matchLabels, matchExpressions }, labels));
        return unless(
          pods.length === 1 && serviceOf(pods[0]?.labels) === serviceOf(document.metadata.labels),
          `${named(document)} selects ${pods.map(({ document: it }) => named(it)).join(' and ') || 'nothing'}`,
        );
      }),
    ),
  ],
  broken: {
    'a Service for nobody': (documents) => {
      first(documents, 'Service').spec.selector = { a: 'b' };
    },
    'a Service for all': (documents) => {
      first(documents, 'Service').spec.selector = {};
    },
    'a port that nobody opens': (documents) => {
      first(documents, 'Service').spec.ports[0].targetPort = 'other';
    },
    'pods of a Job taken for those of the service': (documents) => {
      const { labels } = first(documents, 'Deployment').spec.template.metadata;
      first(documents, 'Job').spec.template.metadata.labels = labels;
    },
    'a budget for all': (documents) => {
      first(documents, 'PodDisruptionBudget').spec.selector = {};
    },
  },
};

export const routes: Rule = {
  name: 'routes lead to a Service and a port that are there',
  faults: (documents) => {
    const leads = (name: string, port: number | string | undefined): boolean =>
      ofKind(documents, 'Service').some(
        ({ metadata, spec }) =>
          metadata.name === name && spec.ports.some((open) => open.port === port || open.name === port),
      );
    return [
      ...ofKind(documents, 'HTTPRoute').flatMap((document) =>
        document.spec.rules
          .flatMap(({ backendRefs = [] }) => backendRefs)
          .flatMap(({ name, port }) => unless(leads(name, port), `${named(document)} leads to ${name}:${port}`)),
      ),
      ...ofKind(documents, 'HTTPRoute').flatMap((document) =>
        unless((document.spec.parentRefs ?? []).length > 0, `${named(document)} has no Gateway`),
      ),
      ...ofKind(documents, 'Ingress').flatMap((document) =>
        (document.spec.rules ?? [])
          .flatMap(({ http }) => http?.paths ?? [])
          .flatMap(({ backend: { service } }) =>
            unless(
              service !== undefined && leads(service.name, service.port.name ?? service.port.number),
              `${named(document)} leads to ${service?.name}`,
            ),
          ),
      ),
    ];
  },
  broken: {
    'another Service': (documents) => {
      first(documents, 'HTTPRoute').spec.rules[0].backendRefs[0].name = 'nobody';
    },
    'another port': (documents) => {
      first(documents, 'HTTPRoute').spec.rules[0].backendRefs[0].port = 1;
    },
    'no Gateway': (documents) => delete first(documents, 'HTTPRoute').spec.parentRefs,
  },
};

const isHook = (document: Manifest, phase: string): boolean => hooksOf(document).includes(phase);
const weightOf = ({ metadata }: Manifest): number => Number(metadata.annotations?.['helm.sh/hook-weight'] ?? 0);

/** What an operator makes a Secret of. */
function makersOf(documents: readonly Manifest[], secret: string | undefined): string[] {
  return documents.flatMap(({ kind, metadata, spec }) => {
    const it = spec as {
      secretName?: string;
      target?: { name?: string };
      destination?: { name?: string };
      vaultAuthRef?: string;
    };
    const makes = [it?.secretName, it?.target?.name, it?.destination?.name].includes(secret);
    if (!makes || !['Certificate', 'ExternalSecret', 'VaultStaticSecret'].includes(kind)) return [];
    return [`${kind}/${metadata.name}`, ...(it.vaultAuthRef ? [`VaultAuth/${it.vaultAuthRef}`] : [])];
  });
}

/** Documents that a workload cannot start without. */
function neededBy(documents: readonly Manifest[], spec: PodSpec): Manifest[] {
  const names = new Set<string>([`ServiceAccount/${spec.serviceAccountName}`]);
  for (const volume of spec.volumes ?? []) {
    if (volume.csi?.volumeAttributes?.secretProviderClass)
      names.add(`SecretProviderClass/${volume.csi.volumeAttributes.secretProviderClass}`);
    for (const { configMap, secret } of [volume, ...(volume.projected?.sources ?? [])]) {
      if (configMap) names.add(`ConfigMap/${configMap.name}`);
      for (const maker of secret ? makersOf(documents, secret.secretName) : []) names.add(maker);
    }
  }
  for (const { envFrom = [] } of containersOf(spec))
    for (const { configMapRef } of envFrom) if (configMapRef) names.add(`ConfigMap/${configMapRef.name}`);
  return documents.filter(({ kind, metadata }) => names.has(`${kind}/${metadata.name}`));
}

const DELETE_POLICY = 'before-hook-creation,hook-succeeded';

/** @param migrated services that have a database, in the order in which nothing depends */
export const migrations = (migrated: readonly string[]): Rule => ({
  name: 'each database is migrated before anything else of its service is there',
  faults: (documents) => {
    const jobs = workloadsOf(documents).filter(({ does }) => does === 'migrate');
    const targets = jobs.map(({ spec }) => targetOf(spec)).sort();
    return [
      ...unless(targets.join() === [...migrated].sort().join(), `what is migrated: ${targets.join(', ')}`),
      ...jobs.flatMap(({ document, spec }) =>
        [
          ...unless(document.kind === 'Job', `is a ${document.kind}`),
          ...unless(isHook(document, 'pre-install') && isHook(document, 'pre-upgrade'), 'comes too late'),
          ...unless(hooksOf(document).length === 2, `is there for ${hooksOf(document).join()}`),
          ...unless(
            document.metadata.annotations?.['helm.sh/hook-delete-policy'] === DELETE_POLICY,
            'stays when it is done',
          ),
          ...unless(['Never', 'OnFailure'].includes(spec.restartPolicy ?? ''), 'is restarted for ever'),
          ...unless(
            containersOf(spec).some(({ command = [], args = [] }) => [...command, ...args].includes('--migrate')),
            'does not migrate',
          ),
          ...neededBy(documents, spec).flatMap((needed) =>
            unless(
              isHook(needed, 'pre-install') && isHook(needed, 'pre-upgrade') && weightOf(needed) < weightOf(document),
              `needs ${named(needed)}, which is not there before it`,
            ),
          ),
        ].map((fault) => `${named(document)}: ${fault}`),
      ),
    ];
  },
  broken: {
    'one less': (documents) => {
      const job = documents.findIndex(({ kind }) => kind === 'Job');
      documents.splice(job, 1);
    },
    'after the installation': (documents) => {
      first(documents, 'Job').metadata.annotations['helm.sh/hook'] = 'post-install,post-upgrade';
    },
    'only at the installation': (documents) => {
      first(documents, 'Job').metadata.annotations['helm.sh/hook'] = 'pre-install';
    },
    'its account comes later': (documents) => {
      const { serviceAccountName } = first(documents, 'Job').spec.template.spec;
      const account = first(documents, 'ServiceAccount', new RegExp(`^${serviceAccountName}$`));
      account.metadata.annotations = {};
    },
    'its account comes at the same time': (documents) => {
      const job = first(documents, 'Job');
      const { serviceAccountName } = job.spec.template.spec;
      const { annotations } = first(documents, 'ServiceAccount', new RegExp(`^${serviceAccountName}$`)).metadata;
      annotations['helm.sh/hook-weight'] = job.metadata.annotations['helm.sh/hook-weight'];
    },
    'it serves instead': (documents) => {
      const container = first(documents, 'Job').spec.template.spec.containers[0];
      for (const field of ['command', 'args'])
        container[field] = container[field]?.filter((text: string) => text !== '--migrate');
    },
  },
});

/** What the first container of a pod is started as: `--target=…`. */
export function targetOf({ containers }: PodSpec): string {
  const { command = [], args = [] } = containers[0] ?? {};
  return [...command, ...args].find((text) => text.startsWith('--target='))?.slice('--target='.length) ?? '';
}
