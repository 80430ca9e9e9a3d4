/** Renderings of the charts with every kind of document that they can hold, for the programs that judge documents. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Charts } from '../../charts/support/charts.js';
import type { Manifest } from '../../charts/support/manifests.js';
import { optionsFor, SECRET_PROVIDERS, withSecretsFrom } from '../../charts/support/renderings.js';

/** Renderings, by what is special about them. */
export async function renderings(charts: Charts): Promise<Map<string, readonly Manifest[]>> {
  const found = new Map<string, readonly Manifest[]>();
  const add = async (name: string, ...[chart, options]: Parameters<Charts['documents']>): Promise<void> => {
    found.set(name, await charts.documents(chart, options));
  };
  await add('development', 'nexus', optionsFor('development'));
  await add('staging', 'nexus', optionsFor('staging'));
  for (const provider of SECRET_PROVIDERS) await add(provider, 'nexus', withSecretsFrom(provider));
  await add('one process', 'nexus', optionsFor('production', { 'global.mode': 'monolith' }));
  await add('without autoscalers', 'nexus', optionsFor('production', { 'global.autoscaling.enabled': false }));
  await add('Ingress', 'gateway', {
    ...optionsFor('production', {
      'httpRoute.enabled': false,
      'ingress.enabled': true,
      'ingress.className': 'haproxy',
      'ingress.tls': [{ hosts: ['nexus.example.com'], secretName: 'nexus-tls' }],
      tolerations: [{ key: 'dedicated', operator: 'Equal', value: 'nexus', effect: 'NoSchedule' }],
      nodeSelector: { 'kubernetes.io/arch': 'amd64' },
      priorityClassName: 'high',
    }),
    release: 'gateway',
  });
  const bundle = {
    configMap: 'nexus-ca',
    key: 'ca.crt',
    create: true,
    sources: [{ secret: { name: 'ca', key: 'ca.crt' } }],
  };
  const identity = { 'global.tls.provider': 'csi-driver-spiffe', 'global.tls.bundle': bundle };
  await add('identities of pods', 'nexus', optionsFor('production', identity));
  return found;
}

/** Whether an API group is one that operators add: Kubernetes' own have no dot, or end in `.k8s.io` and are built in. */
export function isCustom({ apiVersion }: Manifest): boolean {
  const [group = '', version] = apiVersion.split('/');
  if (version === undefined || !group.includes('.')) return false;
  return !BUILT_IN.has(group);
}

const BUILT_IN = new Set(['networking.k8s.io', 'rbac.authorization.k8s.io', 'scheduling.k8s.io', 'storage.k8s.io']);

/** Documents as a file, one after the other, while something is done with it. */
export async function inFile<T>(documents: readonly Manifest[], use: (file: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(path.join(tmpdir(), 'nexus-manifests-'));
  try {
    const file = path.join(folder, 'manifests.yaml');
    // JSON is YAML.
    writeFileSync(file, documents.map((document) => `---\n${JSON.stringify(document)}\n`).join(''));
    return await use(file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
