/** The environment that the documents give a process, and the files that it is told of. */
import { type Container, type Manifest, type PodSpec, type Volume, type Workload, workloadsOf } from './manifests.js';

/** Where health and metrics are, in every pod. */
export const MANAGEMENT_PORT = 9180;

export type Variables = Readonly<Record<string, string>>;

/** The variables of a container. Those of the pod itself are given a value of their own. */
export function variablesOf(container: Container, documents: readonly Manifest[]): Variables {
  const dataOf = (wanted: string): Record<string, string> => {
    const found = documents.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === wanted);
    if (!found) throw new Error(`ConfigMap ${wanted} is not there`);
    return (found as unknown as { data?: Record<string, string> }).data ?? {};
  };
  const variables: Record<string, string> = {};
  for (const { configMapRef } of container.envFrom ?? [])
    if (configMapRef) Object.assign(variables, dataOf(configMapRef.name));
  for (const { name, value, valueFrom } of container.env ?? []) {
    const ref = valueFrom?.configMapKeyRef;
    variables[name] = ref ? (dataOf(ref.name)[ref.key] ?? '') : valueFrom ? 'of-the-pod' : (value ?? '');
  }
  return variables;
}

/** Those of a workload's own process. */
export function environmentOf({ spec }: Workload, documents: readonly Manifest[]): Variables {
  const container = spec.containers[0];
  return container ? variablesOf(container, documents) : {};
}

/** Folders that the Vault Agent injector shares with a container. */
function injectedFiles(annotations: Readonly<Record<string, string>>): string[] {
  const prefix = 'vault.hashicorp.com/';
  const of = (kind: string, name: string): string | undefined => annotations[`${prefix}${kind}-${name}`];
  return Object.keys(annotations).flatMap((key) => {
    const name = new RegExp(`^${prefix}agent-inject-secret-(.+)$`).exec(key)?.[1];
    if (name === undefined) return [];
    const folder = of('secret-volume-path', name) ?? annotations[`${prefix}secret-volume-path`] ?? '/vault/secrets';
    return `${folder}/${of('agent-inject-file', name) ?? name}`;
  });
}

/** Keys of the Secrets that operators make, by their names. */
function secretKeys(documents: readonly Manifest[], name: string): string[] | undefined {
  for (const { kind, metadata, spec } of documents) {
    const it = spec as Record<string, never> & {
      secretName?: string;
      target?: { name?: string };
      data?: { secretKey: string }[];
      destination?: { name: string; transformation?: { templates?: Record<string, unknown> } };
    };
    if (kind === 'Certificate' && it.secretName === name) return ['tls.crt', 'tls.key', 'ca.crt'];
    if (kind === 'ExternalSecret' && (it.target?.name ?? metadata.name) === name)
      return (it.data ?? []).map(({ secretKey }) => secretKey);
    // The operator writes every key of the Vault secret, those that are named there by templates too.
    if (kind === 'VaultStaticSecret' && it.destination?.name === name) return undefined;
  }
  return undefined;
}

/** Objects of a SecretProviderClass of Vault: what the driver mounts as files. */
function providedFiles(documents: readonly Manifest[], name: string | undefined): string[] {
  const found = documents.find(({ kind, metadata }) => kind === 'SecretProviderClass' && metadata.name === name);
  const { parameters } = (found?.spec ?? {}) as { parameters?: { objects?: string } };
  return [...(parameters?.objects ?? '').matchAll(/objectName:\s*"?([^"\s]+)/g)].map(([, file]) => file as string);
}

/** The files of a volume; `undefined` when they cannot be told from the documents. */
function filesOfVolume(volume: Volume, documents: readonly Manifest[]): string[] | undefined {
  if (volume.csi?.driver === 'secrets-store.csi.k8s.io')
    return providedFiles(documents, volume.csi.volumeAttributes?.secretProviderClass);
  if (volume.csi?.driver === 'spiffe.csi.cert-manager.io') return ['tls.crt', 'tls.key', 'ca.crt'];
  const files: string[] = [];
  for (const { secret, configMap } of [volume, ...(volume.projected?.sources ?? [])]) {
    const items = (secret ?? configMap)?.items?.map(({ path }) => path);
    const name = secret?.secretName ?? secret?.name;
    const known = items ?? (name ? secretKeys(documents, name) : undefined);
    if ((secret || configMap) && known === undefined) return undefined;
    files.push(...(known ?? []));
  }
  return files;
}

/** Why a process would not find a file that its environment names; nothing when it would. */
export function missingFile(
  path: string,
  spec: PodSpec,
  annotations: Readonly<Record<string, string>>,
  documents: readonly Manifest[],
): string | undefined {
  if (injectedFiles(annotations).includes(path)) return undefined;
  const mounts = [...(spec.containers[0]?.volumeMounts ?? [])].sort((a, b) => b.mountPath.length - a.mountPath.length);
  const mount = mounts.find(({ mountPath }) => path.startsWith(`${mountPath}/`));
  const volume = spec.volumes?.find(({ name }) => name === mount?.name);
  if (!mount || !volume) return `${path} is in no volume`;
  const files = filesOfVolume(volume, documents);
  const file = path.slice(mount.mountPath.length + 1);
  return files === undefined || files.includes(file)
    ? undefined
    : `${path} is not among ${files.join(', ') || 'nothing'}`;
}

/** The workloads whose process is the product's own: they serve or migrate. */
export const processesOf = (documents: readonly Manifest[]): Workload[] =>
  workloadsOf(documents).filter(({ does }) => does !== 'test');
