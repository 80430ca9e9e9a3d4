import { describe, expect, test } from '@jest/globals';
import { parseManifests } from '../../../tools/helm/render.js';
import { type Endpoint, inBlock, NetworkPolicies, type Port } from './network.js';

const pod = (name: string, namespace: string, labels: Record<string, string>, address: string): Endpoint => ({
  name,
  pod: { namespace, namespaceLabels: { team: namespace }, labels, ports: { http: 80, metrics: 9000 } },
  address,
});

const web = pod('web', 'shop', { app: 'web' }, '10.0.0.1');
const api = pod('api', 'shop', { app: 'api', tier: 'back' }, '10.0.0.2');
const other = pod('other', 'shop', { app: 'other' }, '10.0.0.3');
const scraper = pod('scraper', 'monitoring', { app: 'scraper' }, '10.0.1.1');
const stranger = pod('stranger', 'elsewhere', { app: 'web' }, '10.0.2.1');
const outside: Endpoint = { name: 'outside', address: '203.0.113.7' };
const near: Endpoint = { name: 'near', address: '203.0.113.200' };
const tcp = (number: number): Port => ({ number, protocol: 'TCP' });

/** One policy in the namespace `shop`; `spec` is indented by two. */
const policies = (...specs: string[]): NetworkPolicies =>
  new NetworkPolicies(
    parseManifests(
      specs
        .map((spec) => `kind: NetworkPolicy\napiVersion: networking.k8s.io/v1\nmetadata: {name: p}\nspec:\n${spec}\n`)
        .join('---\n'),
    ),
    'shop',
  );

/** Who of all gets through to whom. */
function through(rules: NetworkPolicies, to: Endpoint, port: Port): string[] {
  return [web, api, other, scraper, stranger, outside, near]
    .filter((from) => from !== to && rules.allows(from, to, port))
    .map(({ name }) => name);
}

const EVERYBODY = ['web', 'other', 'scraper', 'stranger', 'outside', 'near'];

describe('NetworkPolicies', () => {
  test('without a policy everything is open', () => {
    expect(through(policies('  podSelector: {matchLabels: {app: web}}'), api, tcp(80))).toEqual(EVERYBODY);
    expect(policies('  podSelector: {}').isolates(scraper, 'Ingress')).toBe(false);
  });

  test('a policy without rules closes what it selects, in the directions that it is one of', () => {
    const closed = policies('  podSelector: {matchLabels: {app: api}}');
    expect(through(closed, api, tcp(80))).toEqual([]);
    expect(closed.isolates(api, 'Ingress')).toBe(true);
    expect(closed.isolates(api, 'Egress')).toBe(false);
    expect(closed.allows(api, web, tcp(80))).toBe(true);
    expect(policies('  podSelector: {}\n  policyTypes: [Egress]').allows(api, outside, tcp(443))).toBe(false);
    expect(policies('  podSelector: {}\n  policyTypes: [Egress]').allows(outside, api, tcp(443))).toBe(true);
    expect(policies('  podSelector: {}\n  egress: []').allows(api, outside, tcp(443))).toBe(false);
  });

  test.each<[string, string, string[]]>([
    ['an empty rule lets everybody in', '[{}]', EVERYBODY],
    ['pods of the same namespace', '[{from: [{podSelector: {matchLabels: {app: web}}}]}]', ['web']],
    ['all pods of the same namespace', '[{from: [{podSelector: {}}]}]', ['web', 'other']],
    [
      'pods of every namespace',
      '[{from: [{namespaceSelector: {}, podSelector: {matchLabels: {app: web}}}]}]',
      ['web', 'stranger'],
    ],
    ['a namespace by its labels', '[{from: [{namespaceSelector: {matchLabels: {team: monitoring}}}]}]', ['scraper']],
    [
      'a namespace by its name',
      '[{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: elsewhere}}}]}]',
      ['stranger'],
    ],
    [
      'one of several peers',
      '[{from: [{podSelector: {matchLabels: {app: web}}}, {namespaceSelector: {matchLabels: {team: monitoring}}}]}]',
      ['web', 'scraper'],
    ],
    [
      'one of several rules',
      '[{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 81}]}, {from: [{podSelector: {matchLabels: {app: other}}}]}]',
      ['other'],
    ],
    [
      'expressions',
      '[{from: [{podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [web]}, {key: app, operator: Exists}]}}]}]',
      ['other'],
    ],
    [
      'blocks of addresses, with exceptions',
      '[{from: [{ipBlock: {cidr: 203.0.113.0/24, except: [203.0.113.128/25]}}]}]',
      ['outside'],
    ],
    ['a block that pods are in', '[{from: [{ipBlock: {cidr: 10.0.1.0/24}}]}]', ['scraper']],
  ])('%s', (_, ingress, expected) => {
    const rules = policies(`  podSelector: {matchLabels: {app: api}}\n  ingress: ${ingress}`);
    expect(through(rules, api, tcp(80))).toEqual(expected);
  });

  test.each<[string, number, 'TCP' | 'UDP', boolean]>([
    ['[]', 5, 'TCP', true],
    ['[{port: 80}]', 80, 'TCP', true],
    ['[{port: 80}]', 81, 'TCP', false],
    ['[{port: 80}]', 80, 'UDP', false],
    ['[{port: 53, protocol: UDP}]', 53, 'UDP', true],
    ['[{protocol: TCP}]', 4242, 'TCP', true],
    ['[{port: metrics}]', 9000, 'TCP', true],
    ['[{port: metrics}]', 80, 'TCP', false],
    ['[{port: unknown}]', 80, 'TCP', false],
    ['[{port: 80, endPort: 90}]', 85, 'TCP', true],
    ['[{port: 80, endPort: 90}]', 91, 'TCP', false],
    ['[{port: 1}, {port: 2}]', 2, 'TCP', true],
  ])('ports %s and %d/%s', (ports, number, protocol, expected) => {
    const ingress = policies(`  podSelector: {matchLabels: {app: api}}\n  ingress: [{ports: ${ports}}]`);
    expect(ingress.allows(web, api, { number, protocol })).toBe(expected);
    const egress = policies(`  podSelector: {matchLabels: {app: web}}\n  egress: [{ports: ${ports}}]`);
    expect(egress.allows(web, api, { number, protocol })).toBe(expected);
    expect(
      policies('  podSelector: {matchLabels: {app: web}}\n  policyTypes: [Egress]').allows(web, api, tcp(80)),
    ).toBe(false);
  });

  test('several policies add up, and both ends have their say', () => {
    const rules = policies(
      '  podSelector: {}\n  policyTypes: [Ingress, Egress]',
      '  podSelector: {matchLabels: {app: api}}\n  policyTypes: [Ingress]\n  ingress: [{from: [{podSelector: {}}]}]',
      '  podSelector: {matchLabels: {app: web}}\n  policyTypes: [Egress]\n  egress: [{to: [{podSelector: {matchLabels: {app: api}}}]}]',
    );
    expect(through(rules, api, tcp(80))).toEqual(['web']);
    expect(rules.allows(web, other, tcp(80))).toBe(false);
    expect(rules.allows(api, web, tcp(80))).toBe(false);
    expect(rules.allows(stranger, outside, tcp(80))).toBe(true);
  });

  test('an unknown operator is a fault, not a match', () => {
    const rules = policies('  podSelector: {matchExpressions: [{key: app, operator: Gt, values: [a]}]}');
    expect(() => rules.allows(web, api, tcp(80))).toThrow('Unknown operator Gt');
  });
});

test.each([
  ['10.1.2.3', '10.0.0.0/8', true],
  ['11.1.2.3', '10.0.0.0/8', false],
  ['203.0.113.7', '0.0.0.0/0', true],
  ['192.168.1.1', '192.168.1.1', true],
  ['192.168.1.2', '192.168.1.1/32', false],
  ['192.168.1.2', '::/0', false],
])('%s in %s: %p', (address, cidr, expected) => {
  expect(inBlock(address, cidr)).toBe(expected);
});
