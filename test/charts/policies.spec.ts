/** C10: the rendered NetworkPolicies let through what the code declares, and nothing else. */
import { expect, test } from '@jest/globals';
import type { RenderOptions } from '../../tools/helm/render.js';
import { describeCharts, ENVIRONMENTS, NAMESPACE } from './support/charts.js';
import { type Manifest, ofKind, type Typed } from './support/manifests.js';
import { NetworkPolicies } from './support/network.js';
import { callsOf, catalog } from './support/platform.js';
import { declared, podsOf, reached, STRANGERS } from './support/reach.js';
import { optionsFor, withSecretsFrom } from './support/renderings.js';

describeCharts('network policies', (charts) => {
  const platform = (options?: RenderOptions['set']): Promise<readonly Manifest[]> =>
    charts.documents('nexus', optionsFor('production', options));

  test('the code declares the calls that architecture and reviews speak of', () => {
    // So that a mistake in how the declaration is read does not go unseen: this much is known without reading it.
    const calls = Object.fromEntries(catalog.map((service) => [service.name, [...callsOf(service)].sort()]));
    expect(calls.gateway).toEqual(['auth', 'file', 'notification', 'project', 'user']);
    expect(calls.file).toEqual(expect.arrayContaining(['auth', 'project']));
    expect(Object.entries(calls).filter(([name, callees]) => name !== 'auth' && !callees.includes('auth'))).toEqual([]);
    expect(Object.values(calls).flat()).not.toContain('gateway');
  });

  test.each(ENVIRONMENTS)('%s: six services', async (environment) => {
    const agent = environment !== 'development';
    const documents = await charts.documents('nexus', optionsFor(environment));
    expect(reached(documents)).toEqual(declared({ shape: 'split', agent }));
  });

  test('one process', async () => {
    const documents = await platform({ 'global.mode': 'monolith' });
    expect(reached(documents)).toEqual(declared({ shape: 'monolith', agent: true }));
  });

  test('charts installed one by one let through the same', async () => {
    const each = await Promise.all(
      catalog.map(({ name }) => charts.documents(name, { ...optionsFor('production'), release: name })),
    );
    expect(reached(each.flat())).toEqual(declared({ shape: 'split', agent: true }));
  });

  test('without a Vault agent in the pods none of them reaches Vault', async () => {
    const documents = await charts.documents('nexus', withSecretsFrom('csi'));
    expect(reached(documents)).toEqual(declared({ shape: 'split', agent: false }));
  });

  test('everything is denied both ways unless it is let through, and others are left alone', async () => {
    for (const mode of ['split', 'monolith']) {
      const documents = await platform({ 'global.mode': mode });
      const policies = new NetworkPolicies(documents, NAMESPACE);
      const open = podsOf(documents).filter(
        (pod) => !policies.isolates(pod, 'Ingress') || !policies.isolates(pod, 'Egress'),
      );
      expect(open).toEqual([]);
      expect(STRANGERS.filter((other) => policies.isolates(other, 'Ingress'))).toEqual([]);
    }
  });

  test('more can be let through, for one service', async () => {
    const ipBlock = { cidr: '203.0.113.80/32' };
    const documents = await platform({
      'auth.networkPolicy.extraEgress': [{ to: [{ ipBlock }], ports: [{ port: 443 }] }],
      'file.networkPolicy.extraIngress': [{ from: [{ ipBlock }], ports: [{ port: 8084 }] }],
      'global.networkPolicy.nodeCidrs': ['10.200.0.0/16'],
    });
    const before = new Set(declared({ shape: 'split', agent: true }));
    expect(reached(documents).filter((connection) => !before.has(connection))).toEqual(
      [
        ...catalog.map(({ name }) => `a node → ${name}:9180`),
        'auth → the internet:443',
        'the internet → file:8084',
      ].sort(),
    );
  });

  test.each<[string, (policies: Typed<'NetworkPolicy'>[], documents: Manifest[]) => void, RegExp]>([
    [
      'a service without policies is open',
      (_, documents) => {
        const rest = documents.filter(
          ({ kind, metadata }) => kind !== 'NetworkPolicy' || !/-user\b/.test(metadata.name),
        );
        documents.splice(0, documents.length, ...rest);
      },
      /^user → the internet:443$|^the internet → user:9229$/,
    ],
    [
      'a service whose leave is taken away',
      (policies, documents) => documents.splice(documents.indexOf(byName(policies, 'nexus-auth')), 1),
      /^gateway → auth:8081$/,
    ],
    [
      'one caller more',
      (policies) => {
        const labels = { 'app.kubernetes.io/name': 'user', 'app.kubernetes.io/part-of': 'nexus' };
        byName(policies, 'nexus-file').spec.ingress?.[0]?.from?.push({ podSelector: { matchLabels: labels } });
        byName(policies, 'nexus-user').spec.egress?.push({
          to: [{ podSelector: { matchLabels: { 'app.kubernetes.io/name': 'file' } } }],
        });
      },
      /^user → file:8084$/,
    ],
    [
      'a port more',
      (policies) => byName(policies, 'nexus-gateway').spec.ingress?.[0]?.ports?.push({ port: 9180 }),
      /^clients → gateway:9180$/,
    ],
    [
      'all ports',
      (policies) => delete byName(policies, 'nexus-gateway').spec.ingress?.[0]?.ports,
      /^clients → gateway:9229$/,
    ],
    [
      'every namespace',
      (policies) => byName(policies, 'nexus-gateway').spec.ingress?.[0]?.from?.push({ namespaceSelector: {} }),
      /^a gateway elsewhere → gateway:8080$/,
    ],
    [
      'the whole internet',
      (policies) => byName(policies, 'nexus-project').spec.egress?.push({ to: [{ ipBlock: { cidr: '0.0.0.0/0' } }] }),
      /^project → the cloud's metadata:80$/,
    ],
  ])('it is seen when there is %s', async (_, change, difference) => {
    const documents = structuredClone(await platform()) as Manifest[];
    const before = declared({ shape: 'split', agent: true });
    change(ofKind(documents, 'NetworkPolicy'), documents);
    const after = reached(documents);
    const differences = [
      ...after.filter((connection) => !before.includes(connection)),
      ...before.filter((connection) => !after.includes(connection)),
    ];
    expect(differences).toContainEqual(expect.stringMatching(difference));
  });
});

function byName(policies: readonly Typed<'NetworkPolicy'>[], name: string): Typed<'NetworkPolicy'> {
  const found = policies.find(({ metadata }) => metadata.name === name);
  if (!found) throw new Error(`There is no NetworkPolicy ${name}`);
  return found;
}
