/**
 * C3, C5 to C9, C11, as far as documents show them: what holds for every rendering. Each rule is also held against
 * documents in which it is broken.
 */
import { expect, test } from '@jest/globals';
import type { RenderOptions } from '../../tools/helm/render.js';
import { type Charts, describeCharts, ENVIRONMENTS } from './support/charts.js';
import { type Manifest, ofKind, workloadsOf } from './support/manifests.js';
import { catalog, withDatabase } from './support/platform.js';
import { optionsFor, withSecretsFrom } from './support/renderings.js';
import { RULES } from './support/rules/all.js';
import { migrations, pods } from './support/rules/references.js';
import { faultsAfter, type Rule } from './support/rules/rule.js';

const NAMES = catalog.map(({ name }) => name);

const production = (charts: Charts, set?: RenderOptions['set']): Promise<readonly Manifest[]> =>
  charts.documents('nexus', optionsFor('production', set));

/** Everything that rules find. */
const faults = (documents: readonly Manifest[], rules: readonly Rule[] = RULES): string[] =>
  rules.flatMap((rule) => rule.faults(documents));

/** Names of the processes that serve. */
const serving = (documents: readonly Manifest[]): string[] =>
  workloadsOf(documents).flatMap(({ does, document }) => (does === 'serve' ? [document.metadata.name] : []));

describeCharts('the charts', (charts) => {
  test.each(ENVIRONMENTS)('%s: six services', async (environment) => {
    const documents = await charts.documents('nexus', optionsFor(environment));
    expect(faults(documents, [...RULES, migrations(withDatabase)])).toEqual([]);
    expect(serving(documents).sort()).toEqual(NAMES.map((name) => `nexus-${name}`).sort());
  });

  test.each(ENVIRONMENTS)('%s: one process', async (environment) => {
    const documents = await charts.documents('nexus', optionsFor(environment, { 'global.mode': 'monolith' }));
    expect(faults(documents, [...RULES, migrations(['all'])])).toEqual([]);
    expect(serving(documents)).toEqual(['nexus']);
  });

  test.each(NAMES)('%s alone', async (name) => {
    const documents = await charts.documents(name, { ...optionsFor('production'), release: name });
    const rules = [...RULES, migrations(withDatabase.filter((service) => service === name))];
    expect(faults(documents, rules)).toEqual([]);
    expect(serving(documents)).toEqual([name]);
  });

  test.each(NAMES)('the platform without %s', async (name) => {
    const [whole, documents] = await Promise.all([
      production(charts),
      production(charts, { [`${name}.enabled`]: false }),
    ]);
    expect(faults(documents)).toEqual([]);
    // The others stay as they are.
    const isOf = ({ metadata }: Manifest): boolean => new RegExp(`(^|-)${name}(-|$)`).test(metadata.name);
    expect(documents).toEqual(whole.filter((document) => !isOf(document)));
  });

  test('an Ingress in the place of the HTTPRoute', async () => {
    const set = {
      'httpRoute.enabled': false,
      'ingress.enabled': true,
      'ingress.className': 'haproxy',
      'ingress.tls': [{ hosts: ['nexus.example.com'], secretName: 'nexus-tls' }],
    };
    const documents = await charts.documents('gateway', optionsFor('production', set));
    expect(faults(documents)).toEqual([]);
    expect(ofKind(documents, 'HTTPRoute')).toEqual([]);
    const [ingress] = ofKind(documents, 'Ingress');
    expect(ingress?.spec).toMatchObject({
      ingressClassName: 'haproxy',
      tls: [{ hosts: ['nexus.example.com'] }],
      rules: [{ host: 'nexus.example.com' }],
    });
    const astray = structuredClone(documents) as Manifest[];
    const path = ofKind(astray, 'Ingress')[0]?.spec.rules?.[0]?.http?.paths[0];
    if (path?.backend.service) path.backend.service.name = 'nobody';
    expect(faults(astray)).toEqual([expect.stringMatching(/^Ingress nexus-gateway leads to nobody/)]);
  });

  test('clients come by the host of the public address, or by others', async () => {
    const hostsOf = async (set?: RenderOptions['set']) =>
      ofKind(await charts.documents('gateway', optionsFor('production', set)), 'HTTPRoute')[0]?.spec.hostnames;
    expect(await hostsOf()).toEqual(['nexus.example.com']);
    expect(await hostsOf({ 'httpRoute.hostnames': ['api.example.com'] })).toEqual(['api.example.com']);
  });

  test('a bundle of authorities that trust-manager keeps', async () => {
    const documents = await production(charts, {
      'global.tls.bundle': {
        configMap: 'nexus-ca',
        key: 'ca.crt',
        create: true,
        sources: [{ secret: { name: 'root-ca', key: 'ca.crt' } }],
      },
    });
    const rules = RULES.map((rule) => (rule.name === pods().name ? pods(['nexus-ca']) : rule));
    expect(faults(documents, rules)).toEqual([]);
    // Without knowing who makes it, the rule would find that it is missing.
    expect(faults(documents)).not.toEqual([]);
  });

  test('a claim for files that is there already', async () => {
    const options = optionsFor('production', { 'persistence.existingClaim': 'files' });
    const documents = await charts.documents('file', options);
    expect(documents.filter(({ kind }) => kind === 'PersistentVolumeClaim')).toEqual([]);
    expect(faults(documents)).toEqual(['Deployment nexus-file: claim files is not there']);
  });

  test('names are of the length that Kubernetes takes, however the release is called', async () => {
    const release = 'n'.repeat(38);
    const documents = await charts.documents('nexus', { ...optionsFor('production'), release });
    // What becomes a host name or a label may have 63 characters, all else 253.
    const short = new Set(['Service', 'Job', 'Pod', 'Deployment']);
    const tooLong = documents.filter(({ kind, metadata }) => metadata.name.length > (short.has(kind) ? 63 : 253));
    expect(tooLong.map(({ metadata }) => metadata.name)).toEqual([]);
    expect(faults(documents)).toEqual([]);
    const labels = documents.flatMap(({ metadata }) => Object.values(metadata.labels ?? {}));
    expect(labels.filter((label) => label.length > 63)).toEqual([]);
  });

  test('no two documents have the same name', async () => {
    const documents = await charts.documents('nexus', withSecretsFrom('vso'));
    const ids = documents.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
    expect(documents.filter(({ metadata }) => metadata.namespace !== 'nexus')).toEqual([]);
  });

  const broken = [...RULES, migrations(withDatabase)].flatMap((rule) =>
    Object.keys(rule.broken).map((change) => ({ rule, change, name: rule.name })),
  );

  test.each(broken)('"$name" sees: $change', async ({ rule, change }) => {
    expect(faultsAfter(rule, change, await production(charts))).not.toEqual([]);
  });
});
