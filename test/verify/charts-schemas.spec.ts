/** C3: every document of the charts is held against the schema of its kind, and none is left out. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { findKubernetesValidate, findModules } from '../../tools/helm/checkers.js';
import { DEFINITIONS, type Judge, readDefinitions } from '../../tools/helm/custom-resources.js';
import { describeCharts } from '../charts/support/charts.js';
import type { Manifest } from '../charts/support/manifests.js';
import { describeFound } from '../support/describe-found.js';
import { inFile, isCustom, renderings } from './support/chart-tools.js';

const VERSIONS = ['1.34', '1.35', '1.36', '1.37'];
const VALIDATION_MS = 300_000;

const validator = await findKubernetesValidate(VERSIONS);
const modules = await findModules(DEFINITIONS);

/** What the validator says of each document, in their order. */
function validate(binary: string, version: string, documents: readonly Manifest[]): Promise<string[]> {
  return inFile(documents, (file) => {
    const args = ['--strict', '--kubernetes-version', version, file];
    return new Promise((resolve, reject) => {
      execFile(binary, args, { timeout: VALIDATION_MS, maxBuffer: 64 * 1024 * 1024 }, (error, stdout) => {
        if (error && typeof error.code !== 'number') reject(error);
        else resolve(stdout.split('\n').filter((line) => /^(INFO|WARN|ERROR|FATAL)/.test(line)));
      });
    });
  });
}

describeCharts('documents and their schemas', (charts) => {
  /** Each document once, however many renderings hold it. */
  let documents: readonly Manifest[];
  beforeAll(async () => {
    const all = [...(await renderings(charts)).values()].flat();
    documents = [...new Map(all.map((document) => [JSON.stringify(document), document])).values()];
  }, VALIDATION_MS);

  const own = (): Manifest[] => documents.filter((document) => !isCustom(document));
  const custom = (): Manifest[] => documents.filter(isCustom);

  test('there are documents of all kinds', () => {
    const kinds = new Set(documents.map(({ apiVersion, kind }) => `${apiVersion} ${kind}`));
    expect([...kinds].sort()).toEqual([
      'apps/v1 Deployment',
      'autoscaling/v2 HorizontalPodAutoscaler',
      'batch/v1 Job',
      'cert-manager.io/v1 Certificate',
      'external-secrets.io/v1 ExternalSecret',
      'gateway.networking.k8s.io/v1 HTTPRoute',
      'networking.k8s.io/v1 Ingress',
      'networking.k8s.io/v1 NetworkPolicy',
      'policy/v1 PodDisruptionBudget',
      'secrets-store.csi.x-k8s.io/v1 SecretProviderClass',
      'secrets.hashicorp.com/v1beta1 VaultAuth',
      'secrets.hashicorp.com/v1beta1 VaultStaticSecret',
      'trust.cert-manager.io/v1alpha1 Bundle',
      'v1 ConfigMap',
      'v1 PersistentVolumeClaim',
      'v1 Pod',
      'v1 Service',
      'v1 ServiceAccount',
    ]);
  });

  describeFound('kubernetes-validate', validator, ({ binary }) => {
    test.each(VERSIONS)(
      'Kubernetes %s takes every document of its own kinds',
      async (version) => {
        const said = await validate(binary, version, own());
        expect(said.filter((line) => !line.startsWith('INFO'))).toEqual([]);
        expect(said).toHaveLength(own().length);
      },
      VALIDATION_MS,
    );

    test(
      'it would find a field that is not known, and a kind',
      async () => {
        const [deployment] = structuredClone(own().filter(({ kind }) => kind === 'Deployment'));
        const { template } = deployment?.spec as { template: { spec: Record<string, unknown> } };
        template.spec.bogus = 1;
        const strange = { apiVersion: 'apps/v1', kind: 'Bogus', metadata: { name: 'x' } };
        const said = await validate(binary, '1.34', [deployment as Manifest, strange]);
        expect(said).toEqual([expect.stringMatching(/^ERROR .*bogus/), expect.stringMatching(/^WARN .*Bogus/)]);
      },
      VALIDATION_MS,
    );
  });

  describeFound('definitions of custom resources', modules, ({ folders }) => {
    let judges: Map<string, Judge>;
    beforeAll(() => {
      judges = readDefinitions(folders.map((folder, index) => path.join(folder, DEFINITIONS[index]?.folder ?? '')));
    });

    const judged = (document: Manifest): string[] => {
      const judge = judges.get(`${document.apiVersion} ${document.kind}`);
      return judge ? judge(document) : [`there is no definition of ${document.apiVersion} ${document.kind}`];
    };

    test('operators take every document that is for them', () => {
      expect(custom().length).toBeGreaterThan(30);
      expect(custom().flatMap(judged)).toEqual([]);
    });

    test('a field that an operator does not know would be found, in a document of any of them', () => {
      const kinds = new Map(custom().map((document) => [document.kind, document]));
      for (const [kind, document] of kinds) {
        const strange = { ...document, spec: { ...(document.spec as object), bogus: 1 } };
        expect([kind, judged(strange)]).toEqual([kind, [expect.stringMatching(/bogus/)]]);
      }
      expect(judged({ ...(custom()[0] as Manifest), kind: 'Bogus' })).toEqual([expect.stringMatching(/no definition/)]);
    });
  });
});
