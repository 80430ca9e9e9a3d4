/** C1, C2, C12, C15: what the charts take, and that they say no to everything else. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { SERVICE_NAMES } from '@nexus/contracts';
import { parse } from 'yaml';
import type { RenderOptions } from '../../tools/helm/render.js';
import { type Charts, describeCharts, ENVIRONMENTS, type Environment } from './support/charts.js';
import { environmentOf } from './support/environment.js';
import { containersOf, type Manifest, ofKind, workloadsOf } from './support/manifests.js';
import { DIGEST, optionsFor } from './support/renderings.js';
import { connectionsAtMost, fixedSize } from './support/rules/scaling.js';

const INSTALLABLE = [...SERVICE_NAMES, 'nexus'];

/** Functions of templates whose outcome is another one at another time or place. */
const CHANGEABLE =
  /\b(rand\w+|gen(CA|SelfSignedCert|SignedCert|PrivateKey)\w*|derivePassword|htpasswd|bcrypt|uuidv4|lookup|now|ago|date\w*|env|expandenv|getHostByName)\b/;

/** The first such function in a template, without its comments, texts and names of values. */
function changeable(template: string): string | undefined {
  const code = template.replaceAll(/\{\{-?\s*\/\*[\s\S]*?\*\/\s*-?\}\}/g, '');
  const actions = [...code.matchAll(/\{\{([\s\S]*?)\}\}/g)].map(([, action]) =>
    (action ?? '').replaceAll(/"(\\.|[^"\\])*"|`[^`]*`|[.$][\w.]*/g, ' '),
  );
  return actions.map((action) => CHANGEABLE.exec(action)?.[0]).find(Boolean);
}

/** Schemas of objects within a schema that let values through which they do not name, by their paths. */
function openObjects(schema: unknown, at = '#'): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const { type, properties, additionalProperties, patternProperties } = schema as Record<string, unknown>;
  const isObject = properties !== undefined || type === 'object';
  // Maps, as those of labels, say of what form their values are.
  const isClosed = additionalProperties === false || typeof additionalProperties === 'object';
  return [
    ...(isObject && !isClosed && patternProperties === undefined ? [at] : []),
    ...Object.entries(schema).flatMap(([key, inner]) => (key === 'default' ? [] : openObjects(inner, `${at}/${key}`))),
  ];
}

/** Paths of all single values: `global.image.tag`. */
function leaves(values: unknown, at: readonly string[] = []): string[] {
  if (typeof values !== 'object' || values === null || Array.isArray(values)) return [at.join('.')];
  const inner = Object.entries(values);
  return inner.length === 0 ? [at.join('.')] : inner.flatMap(([key, value]) => leaves(value, [...at, key]));
}

const poolOf = (documents: readonly Manifest[]) => (deployment: { metadata: { name: string } }) => {
  const workload = workloadsOf(documents).find(
    ({ document }) => document.kind === 'Deployment' && document.metadata.name === deployment.metadata.name,
  );
  return Number((workload && environmentOf(workload, documents).DATABASE_POOL_SIZE) ?? 0);
};

/** The budget that an environment's file of values lays down. */
function postgresIn(charts: Charts, environment: Environment): { maxConnections: number; reservedConnections: number } {
  return parse(readFileSync(path.join(charts.built.folder, 'envs', `${environment}.yaml`), 'utf8')).global.postgres;
}

/** What the services may open, and what is kept for others. */
async function needed(charts: Charts, environment: Environment, set?: RenderOptions['set']): Promise<number> {
  const documents = await charts.documents('nexus', optionsFor(environment, set));
  return connectionsAtMost(documents, poolOf(documents)) + postgresIn(charts, environment).reservedConnections;
}

describeCharts('values', (charts) => {
  const read = (...names: string[]): string => readFileSync(path.join(charts.built.folder, ...names), 'utf8');

  const each = INSTALLABLE.flatMap((chart) => ENVIRONMENTS.map((environment) => ({ chart, environment })));
  test.each(each)('helm lint finds nothing in $chart, $environment', async ({ chart, environment }) => {
    const { ok, stdout, stderr } = await charts.lint(chart, optionsFor(environment));
    expect(ok ? '' : stdout + stderr).toBe('');
    expect(stdout).not.toMatch(/\[(WARNING|ERROR)\]/);
  });

  test('helm lint finds nothing in the library, and something where there is something', async () => {
    expect(await charts.lint('nexus-lib')).toMatchObject({ ok: true });
    expect(await charts.lint('auth', { set: { 'global.environment': 'qa' } })).toMatchObject({ ok: false });
  });

  test.each([...INSTALLABLE, 'nexus-lib'])('the schema of %s names everything', (chart) => {
    const schema = JSON.parse(read(chart, 'values.schema.json'));
    expect(schema).toMatchObject({ $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'object' });
    expect(schema.additionalProperties).toBe(false);
    expect(openObjects(schema)).toEqual([]);
  });

  test('a schema that lets anything through would be seen', () => {
    const schema = { type: 'object', additionalProperties: false, properties: { a: { type: 'object' } } };
    expect(openObjects(schema)).toEqual(['#/properties/a']);
    expect(openObjects({ properties: {}, additionalProperties: true })).toEqual(['#']);
  });

  test.each<[string, string, unknown, RegExp]>([
    ['nexus', 'auth.bogus', 1, /bogus/],
    ['nexus', 'auth.replicaCount', 2, /replicaCount/],
    ['nexus', 'global.environment', 'qa', /environment/],
    ['nexus', 'bogus', 1, /bogus/],
    ['auth', 'bogus', 1, /bogus/],
    ['auth', 'global.bogus', 1, /bogus/],
    ['auth', 'global.postgres.pools.staging.bogus', 1, /bogus/],
    ['auth', 'global.postgres.pools.staging.size', '5', /size/],
    ['auth', 'global.autoscaling.minReplicas', 2, /minReplicas/],
    ['auth', 'global.secrets.provider', 'environment', /provider/],
    ['auth', 'global.image.digest', 'sha256:short', /digest/],
    ['auth', 'global.mode', 'both', /mode/],
    ['auth', 'global.config.DATABASE_URL', 'postgres://nexus@localhost/nexus', /DATABASE_URL/],
    ['user', 'autoscaling.minReplicas', 1, /minReplicas/],
    ['file', 'config.FILE_MAX_BYTES', 'many', /FILE_MAX_BYTES/],
    ['file', 'config.AUTH_SECRET', 'a secret in the open, of forty characters', /AUTH_SECRET/],
    ['gateway', 'httpRoute.bogus', 1, /bogus/],
  ])('%s refuses %s=%j', async (chart, name, value, sentence) => {
    expect(await charts.refusal(chart, optionsFor('staging', { [name]: value }))).toMatch(sentence);
    expect(await charts.refusal(chart, optionsFor('staging'))).toBeUndefined();
  });

  test.each<[string, string, Environment, Record<string, unknown>, RegExp]>([
    ['production wants a digest', 'auth', 'production', { 'global.image.digest': '' }, /set global\.image\.digest/],
    [
      'production wants https',
      'auth',
      'production',
      { 'global.publicUrl': 'http://a.example' },
      /set global\.publicUrl/,
    ],
    ['staging wants mail', 'notification', 'staging', { 'global.mail.enabled': false }, /global\.mail\.enabled=true/],
    ['a process holds at most 30', 'file', 'staging', { 'global.postgres.pools.staging.size': 21 }, /may hold 30/],
    [
      'more at least than at most',
      'user',
      'staging',
      { 'autoscaling.minReplicas': 9 },
      /raise user\.autoscaling\.maxRep/,
    ],
    ['certificates are renewed in time', 'user', 'staging', { 'global.tls.renewBeforeHours': 7 }, /renewBeforeHours/],
    ['a bundle of nothing', 'nexus', 'staging', { 'global.tls.bundle.create': true }, /global\.tls\.bundle\.sources/],
  ])('%s', async (_, chart, environment, set, sentence) => {
    expect(await charts.refusal(chart, optionsFor(environment, set))).toMatch(sentence);
  });

  test('one service is not a platform in one process', async () => {
    const refusal = await charts.refusal('auth', optionsFor('staging', { 'global.mode': 'monolith' }));
    expect(refusal).toMatch(/install the chart nexus/);
  });

  test('the same values give the same documents, byte for byte', async () => {
    for (const [chart, set] of [
      ['nexus', {}],
      ['nexus', { 'global.mode': 'monolith' }],
      ['file', { 'global.secrets.provider': 'csi' }],
    ] as const) {
      const [known, again] = [
        await charts.render(chart, optionsFor('production', set)),
        await charts.renderAnew(chart, optionsFor('production', set)),
      ];
      expect(known.ok && again.ok && known.text === again.text).toBe(true);
    }
  });

  test('no template asks for the time, chance or the cluster', () => {
    const templates = [...charts.built.charts.keys()].flatMap((chart) =>
      readdirSync(path.join(charts.built.folder, chart, 'templates')).map((file) => [chart, 'templates', file]),
    );
    expect(templates.length).toBeGreaterThan(10);
    const found = templates.flatMap((names) => {
      const name = changeable(read(...names));
      return name ? [`${names.join('/')}: ${name}`] : [];
    });
    expect(found).toEqual([]);
  });

  test.each([
    ['{{ now | date "2006" }}', 'now'],
    ['{{- $ca := genCA "x" 365 -}}', 'genCA'],
    ['a: {{ randAlphaNum 5 }}', 'randAlphaNum'],
    ['{{ (lookup "v1" "Secret" "a" "b").data }}', 'lookup'],
    ['{{- /* not now */ -}}{{ "not now" }}{{ .now }}{{ $env.now }} now {{ include "now" . }}', undefined],
  ])('%s asks for %s', (template, name) => {
    expect(changeable(template)).toBe(name);
  });

  test.each(ENVIRONMENTS)('%s: what the services may open fits', async (environment) => {
    const { maxConnections } = postgresIn(charts, environment);
    expect(await needed(charts, environment)).toBeLessThanOrEqual(maxConnections);
  });

  test('one connection less than the services may open is refused, unless a pooler keeps the budget', async () => {
    const need = await needed(charts, 'production');
    const at = (maxConnections: number, more = {}): RenderOptions =>
      optionsFor('production', { 'global.postgres.maxConnections': maxConnections, ...more });
    expect(await charts.refusal('nexus', at(need))).toBeUndefined();
    const refusal = await charts.refusal('nexus', at(need - 1));
    expect(refusal).toContain(`${need} database connections`);
    expect(refusal).toContain(`takes ${need - 1}`);
    expect(refusal).toMatch(/Lower .*autoscaling\.maxReplicas.* or raise .* PgBouncer/);
    expect(await charts.refusal('nexus', at(need - 1, { 'global.postgres.pgbouncer.enabled': true }))).toBeUndefined();
  });

  test('the budget is of every shape: one process, one service, some services', async () => {
    const one = await needed(charts, 'production', { 'global.mode': 'monolith' });
    const monolith = { 'global.mode': 'monolith', 'global.postgres.maxConnections': one - 1 };
    expect(await charts.refusal('nexus', optionsFor('production', monolith))).toContain(`${one} database`);
    const some = await needed(charts, 'production', { 'file.enabled': false });
    const without = { 'file.enabled': false, 'global.postgres.maxConnections': some };
    expect(some).toBeLessThan(await needed(charts, 'production'));
    expect(await charts.refusal('nexus', optionsFor('production', without))).toBeUndefined();
    const alone = optionsFor('production', { 'autoscaling.maxReplicas': 60 });
    expect(await charts.refusal('auth', alone)).toMatch(/database connections/);
  });

  test('a service that may grow further breaks the budget', async () => {
    const refusal = await charts.refusal('nexus', optionsFor('production', { 'project.autoscaling.maxReplicas': 20 }));
    expect(refusal).toMatch(/project 21 pods with 30 each/);
  });

  test('without autoscalers there are three pods of each service', async () => {
    for (const mode of ['split', 'monolith']) {
      const set = { 'global.autoscaling.enabled': false, 'global.mode': mode };
      const documents = await charts.documents('nexus', optionsFor('production', set));
      expect(fixedSize.faults(documents)).toEqual([]);
      expect(new Set(ofKind(documents, 'Deployment').map(({ spec }) => spec.replicas))).toEqual(new Set([3]));
    }
  });

  test('every image is named by the digest in production, and by a version elsewhere', async () => {
    const images = async (environment: Environment): Promise<Set<string>> => {
      const documents = await charts.documents('nexus', optionsFor(environment));
      return new Set(workloadsOf(documents).flatMap(({ spec }) => containersOf(spec).map(({ image }) => image)));
    };
    expect(await images('production')).toEqual(new Set([`nexus@${DIGEST}`]));
    const { appVersion } = charts.built.charts.get('nexus') ?? {};
    expect(await images('staging')).toEqual(new Set([`nexus:${appVersion}`]));
  });

  test('all charts are of the version of the product', () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
    const versions = [...charts.built.charts.values()].map((chart) => [chart.version, chart.appVersion]);
    expect(versions).toEqual(versions.map(() => [version, version]));
  });

  test.each(INSTALLABLE)('the README of %s has a line for every value', (chart) => {
    const lines = new Set(
      [...read(chart, 'README.md').matchAll(/^\| `([^`]+)` \|/gm)].map(([, name]) => name as string),
    );
    const missing = leaves(parse(read(chart, 'values.yaml'))).filter((name) => !lines.has(name));
    expect(missing).toEqual([]);
  });

  test('Helm makes of the dependencies what is tested here', async () => {
    // The charts as they are published: packed with what they depend on, by Helm itself.
    const { ok, stdout, stderr } = await charts.helm('package', 'nexus', '--destination', 'packed');
    expect(ok ? '' : stdout + stderr).toBe('');
    const [file] = readdirSync(path.join(charts.built.folder, 'packed'));
    const packed = await charts.render(`packed/${file}`, optionsFor('production'));
    const unpacked = await charts.render('nexus', optionsFor('production'));
    expect(packed.ok && unpacked.ok && packed.text === unpacked.text).toBe(true);
  });
});
