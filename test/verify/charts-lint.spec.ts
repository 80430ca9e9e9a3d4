/** C4: kube-linter finds nothing in the charts, and is not told to look away. */
import { execFile } from 'node:child_process';
import { beforeAll, expect, test } from '@jest/globals';
import { findKubeLinter } from '../../tools/helm/checkers.js';
import { type Charts, describeCharts } from '../charts/support/charts.js';
import { hooksOf, type Manifest, ofKind } from '../charts/support/manifests.js';
import { describeFound } from '../support/describe-found.js';
import { inFile, renderings } from './support/chart-tools.js';

/** Checks that are not among its default ones. */
const MORE_CHECKS = [
  'non-isolated-pod',
  'read-secret-from-env-var',
  'default-service-account',
  'no-rolling-update-strategy',
];

/** A pod that does one thing and ends has no use for probes: these are for what serves. */
const OF_SERVICES = ['no-liveness-probe', 'no-readiness-probe'];

/** It counts a Deployment whose number of pods an autoscaler decides as one pod: there the autoscaler's least counts. */
const REPLICAS = { fixed: 'minimum-three-replicas', scaled: 'hpa-minimum-three-replicas' } as const;

const LINT_MS = 120_000;
const linter = await findKubeLinter();

interface Report {
  readonly Checks: readonly { readonly name: string }[];
  readonly Reports:
    | readonly {
        readonly Diagnostic: { readonly Message: string };
        readonly Check: string;
        readonly Object: {
          readonly K8sObject: { readonly Name: string; readonly GroupVersionKind: { readonly Kind: string } };
        };
      }[]
    | null;
}

function lint(binary: string, documents: readonly Manifest[], checks: readonly string[]): Promise<Report> {
  return inFile(documents, (file) => {
    const args = ['lint', '--format=json', '--include', checks.join(','), file];
    return new Promise((resolve, reject) => {
      execFile(binary, args, { timeout: LINT_MS, maxBuffer: 64 * 1024 * 1024 }, (error, stdout) => {
        // It ends with 1 when it finds something.
        if (error && error.code !== 1) reject(error);
        else resolve(JSON.parse(stdout));
      });
    });
  });
}

const findings = ({ Reports }: Report): string[] =>
  (Reports ?? []).map(
    ({ Check, Diagnostic, Object: { K8sObject } }) =>
      `${Check}: ${K8sObject.GroupVersionKind.Kind} ${K8sObject.Name}: ${Diagnostic.Message}`,
  );

const isFixed = (documents: readonly Manifest[]): boolean => ofKind(documents, 'HorizontalPodAutoscaler').length === 0;

const isNoHook = (document: Manifest): boolean => hooksOf(document).length === 0;

describeCharts('kube-linter', (charts: Charts) => {
  let all: Map<string, readonly Manifest[]>;
  beforeAll(async () => {
    all = await renderings(charts);
  }, LINT_MS);

  test('nothing tells it to look away', () => {
    const texts = [...all.values()].flat().map(({ metadata }) => Object.keys(metadata.annotations ?? {}).join());
    expect(texts.filter((text) => text.includes('kube-linter'))).toEqual([]);
  });

  describeFound('finds nothing', linter, ({ binary }) => {
    test(
      'in any rendering',
      async () => {
        for (const [name, documents] of all) {
          const replicas = isFixed(documents) ? REPLICAS.fixed : REPLICAS.scaled;
          const whole = await lint(binary, documents, [...MORE_CHECKS, replicas]);
          const serving = await lint(binary, documents.filter(isNoHook), [...MORE_CHECKS, ...OF_SERVICES, replicas]);
          expect([name, findings(whole), findings(serving)]).toEqual([name, [], []]);
          const checks = serving.Checks.map((check) => check.name);
          expect(checks).toEqual(expect.arrayContaining([...MORE_CHECKS, ...OF_SERVICES, 'run-as-non-root']));
        }
        expect([...all.values()].some(isFixed)).toBe(true);
      },
      LINT_MS,
    );

    test(
      'but something where there is something',
      async () => {
        const documents = structuredClone(all.get('without autoscalers')) as Manifest[];
        const [deployment] = ofKind(documents, 'Deployment');
        if (deployment) {
          deployment.spec.replicas = 2;
          delete deployment.spec.template.spec.containers[0]?.readinessProbe;
          delete deployment.spec.template.spec.affinity;
        }
        const report = await lint(binary, documents, [...OF_SERVICES, REPLICAS.fixed]);
        const found = findings(report).filter((finding) =>
          finding.includes(`Deployment ${deployment?.metadata.name}:`),
        );
        expect(found.map((finding) => finding.split(':')[0]).sort()).toEqual([
          'minimum-three-replicas',
          'no-anti-affinity',
          'no-readiness-probe',
        ]);
      },
      LINT_MS,
    );
  });
});
