/** C5, C11: what every pod may do and know, those of Jobs and of `helm test` too. */
import { containersOf, type Manifest, named, type PodSpec, type SecurityContext, workloadsOf } from '../manifests.js';
import { type Breakable, first, type Rule, unless } from './rule.js';

const LOWEST_ID = 10_000;

/** Volumes of the Pod Security Standard `restricted`. */
const VOLUME_KINDS = ['configMap', 'csi', 'downwardAPI', 'emptyDir', 'ephemeral', 'persistentVolumeClaim', 'projected'];
const ALLOWED_VOLUMES = new Set([...VOLUME_KINDS, 'secret']);

function identityFaults(context: SecurityContext = {}, whole: boolean): string[] {
  const faults: string[] = [];
  for (const field of ['runAsUser', 'runAsGroup', 'fsGroup'] as const) {
    const id = context[field];
    if (id === undefined ? whole : id < LOWEST_ID) faults.push(`${field} is ${id}`);
  }
  if (whole ? context.runAsNonRoot !== true : context.runAsNonRoot === false) faults.push('may run as root');
  const profile = context.seccompProfile?.type;
  if (profile === undefined ? whole : profile !== 'RuntimeDefault') faults.push(`seccomp profile is ${profile}`);
  return faults;
}

function containerFaults(context: SecurityContext = {}): string[] {
  return [
    ...identityFaults(context, false),
    ...unless(context.allowPrivilegeEscalation === false, 'may gain privileges'),
    ...unless(context.readOnlyRootFilesystem === true, 'may write to its image'),
    ...unless(!context.privileged, 'is privileged'),
    ...unless(context.capabilities?.drop?.includes('ALL') === true, 'keeps capabilities'),
    ...unless((context.capabilities?.add ?? []).length === 0, 'adds capabilities'),
  ];
}

function podFaults(spec: PodSpec): string[] {
  return [
    ...identityFaults(spec.securityContext, true),
    ...unless(!spec.hostNetwork && !spec.hostPID && !spec.hostIPC, 'shares a namespace of its node'),
    ...(spec.volumes ?? []).flatMap(({ name, ...source }) =>
      Object.keys(source).flatMap((kind) => unless(ALLOWED_VOLUMES.has(kind), `volume ${name} is of kind ${kind}`)),
    ),
    ...containersOf(spec).flatMap(({ name, securityContext, ports = [] }) => [
      ...containerFaults(securityContext).map((fault) => `container ${name}: ${fault}`),
      ...unless(
        ports.every(({ hostPort }) => hostPort === undefined),
        `container ${name} takes a port of its node`,
      ),
    ]),
  ];
}

/** Of the first workload. */
const podOf = (documents: Breakable[]): Breakable => first(documents, 'Deployment').spec.template.spec;
const jobPodOf = (documents: Breakable[]): Breakable => first(documents, 'Job').spec.template.spec;

export const restricted: Rule = {
  name: 'every pod is restricted',
  faults: (documents) =>
    workloadsOf(documents).flatMap(({ document, spec }) =>
      podFaults(spec).map((fault) => `${named(document)}: ${fault}`),
    ),
  broken: {
    'a Deployment may run as root': (documents) => delete podOf(documents).securityContext.runAsNonRoot,
    'a user of the system': (documents) => {
      podOf(documents).securityContext.runAsUser = 1000;
    },
    'a container as root': (documents) => {
      podOf(documents).containers[0].securityContext.runAsUser = 0;
    },
    'no group for volumes': (documents) => delete podOf(documents).securityContext.fsGroup,
    'another seccomp profile': (documents) => {
      podOf(documents).securityContext.seccompProfile.type = 'Unconfined';
    },
    'a Job gains privileges': (documents) => {
      jobPodOf(documents).containers[0].securityContext.allowPrivilegeEscalation = true;
    },
    'a test pod writes': (documents) => {
      first(documents, 'Pod').spec.containers[0].securityContext.readOnlyRootFilesystem = false;
    },
    'capabilities are kept': (documents) => delete podOf(documents).containers[0].securityContext.capabilities,
    'a volume of the node': (documents) => podOf(documents).volumes.push({ name: 'node', hostPath: { path: '/' } }),
    'the network of the node': (documents) => {
      podOf(documents).hostNetwork = true;
    },
    'a port of the node': (documents) => {
      podOf(documents).containers[0].ports[0].hostPort = 80;
    },
  },
};

/** Tokens of the cluster's API are not mounted; one that is made for somebody else says for whom and ends. */
export const noDefaultTokens: Rule = {
  name: 'no pod has a token of the cluster, and each service an account of its own',
  faults: (documents) => {
    const accounts = new Map(documents.flatMap((it) => (it.kind === 'ServiceAccount' ? [[it.metadata.name, it]] : [])));
    const users = new Map<string, string>();
    return workloadsOf(documents).flatMap(({ document, spec, does }) => {
      const account = spec.serviceAccountName ?? 'default';
      const { automountServiceAccountToken } = (accounts.get(account) ?? {}) as {
        automountServiceAccountToken?: boolean;
      };
      const user = does === 'serve' ? (users.get(account) ?? document.metadata.name) : document.metadata.name;
      if (does === 'serve') users.set(account, document.metadata.name);
      return [
        ...unless(spec.automountServiceAccountToken === false, 'mounts the token of its account'),
        ...unless(account !== 'default', 'runs as the default account'),
        ...unless(accounts.has(account), `its account ${account} is not there`),
        ...unless(automountServiceAccountToken === false, `its account ${account} mounts its token`),
        ...unless(user === document.metadata.name, `shares the account of ${user}`),
        ...tokenFaults(spec),
      ].map((fault) => `${named(document)}: ${fault}`);
    });
  },
  broken: {
    'a pod mounts its token': (documents) => {
      podOf(documents).automountServiceAccountToken = true;
    },
    'a Job says nothing of its token': (documents) => delete jobPodOf(documents).automountServiceAccountToken,
    'an account mounts its token': (documents) =>
      delete first(documents, 'ServiceAccount').automountServiceAccountToken,
    'the default account': (documents) => delete podOf(documents).serviceAccountName,
    'an account that is not there': (documents) => {
      podOf(documents).serviceAccountName = 'nobody';
    },
    'a token for anybody': (documents) =>
      podOf(documents).volumes.push({
        name: 'token',
        projected: { sources: [{ serviceAccountToken: { path: 'token' } }] },
      }),
  },
};

function tokenFaults(spec: PodSpec): string[] {
  return (spec.volumes ?? []).flatMap(({ name, projected }) =>
    (projected?.sources ?? []).flatMap(({ serviceAccountToken: token }) =>
      unless(
        token === undefined || (!!token.audience && (token.expirationSeconds ?? Infinity) <= 3600),
        `volume ${name} has a token for anybody, or for long`,
      ),
    ),
  );
}

const CREDENTIALS = /:\/\/[^/\s:@]*:[^/\s@]+@|-----BEGIN [A-Z ]*PRIVATE KEY/;

/** Strings anywhere in a document. */
function* textsIn(value: unknown): Generator<string> {
  if (typeof value === 'string') yield value;
  else if (typeof value === 'object' && value !== null) for (const inner of Object.values(value)) yield* textsIn(inner);
}

export const noSecrets: Rule = {
  name: 'no secret is in a document or in an environment',
  faults: (documents) => [
    ...documents.flatMap((document) => [
      ...unless(document.kind !== 'Secret' || !hasData(document), `${named(document)} holds data`),
      ...[...textsIn(document)].flatMap((text) =>
        unless(!CREDENTIALS.test(text), `${named(document)} holds credentials: ${text.slice(0, 40)}`),
      ),
    ]),
    ...workloadsOf(documents).flatMap(({ document, spec }) =>
      containersOf(spec).flatMap(({ name, env = [], envFrom = [] }) => [
        ...env.flatMap((variable) =>
          unless(
            !variable.valueFrom?.secretKeyRef,
            `${named(document)}, ${name}: ${variable.name} comes from a Secret`,
          ),
        ),
        ...envFrom.flatMap(({ secretRef }) =>
          unless(!secretRef, `${named(document)}, ${name}: takes its environment from a Secret`),
        ),
      ]),
    ),
  ],
  broken: {
    'a Secret with data': (documents) =>
      documents.push({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'x' }, stringData: { a: 'b' } }),
    'a password in a ConfigMap': (documents) => {
      first(documents, 'ConfigMap').data.DATABASE_URL = 'postgres://nexus:secret@db/nexus';
    },
    'a variable from a Secret': (documents) => {
      podOf(documents).containers[0].env = [{ name: 'A', valueFrom: { secretKeyRef: { name: 'a', key: 'b' } } }];
    },
    'an environment from a Secret': (documents) => {
      jobPodOf(documents).containers[0].envFrom = [{ secretRef: { name: 'a' } }];
    },
  },
};

function hasData(document: Manifest): boolean {
  const { data, stringData } = document as { data?: object; stringData?: object };
  return Object.keys({ ...data, ...stringData }).length > 0;
}
