/** What the charts tell each process is what the product's own configuration takes; C9, C12 and C14 as far as they are that. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { loadProcessConfig, PLATFORM_SLICES } from '@nexus/bootstrap';
import { type Config, type ConfigSlice, type Flags, platformConfig, readFlags } from '@nexus/config';
import { ROUTE_MANIFEST } from '@nexus/contracts';
import type { RenderOptions } from '../../tools/helm/render.js';
import { describeCharts, ENVIRONMENTS } from './support/charts.js';
import { environmentOf, MANAGEMENT_PORT, missingFile, processesOf, type Variables } from './support/environment.js';
import {
  type Manifest,
  named,
  ofKind,
  type PodTemplate,
  selects,
  serviceOf,
  type Workload,
  workloadsOf,
} from './support/manifests.js';
import { catalog } from './support/platform.js';
import { optionsFor, SECRET_PROVIDERS, withSecretsFrom } from './support/renderings.js';

const ENTRY = 'dist/apps/main.js';

/** What Node knows itself. */
const OF_NODE = new Set(['NODE_ENV']);

/** Files in the place of those that a cluster would mount. */
const CONTENTS: Readonly<Record<string, string>> = {
  DATABASE_URL: 'postgres://nexus:password@postgres.postgres:5432/nexus',
  REDIS_URL: 'redis://redis.redis:6379',
  AUTH_SECRET: 'a root secret of forty characters at least',
  ADMIN_PASSWORD: 'correct horse battery staple',
  SMTP_URL: 'smtps://nexus:password@mail.example.com:465',
  GATEWAY_ROUTES: '{}',
  TLS_CERT: '-----BEGIN CERTIFICATE-----\n',
  TLS_KEY: '-----BEGIN PRIVATE KEY-----\n',
  TLS_CA: '-----BEGIN CERTIFICATE-----\n',
};

interface Process {
  readonly workload: Workload;
  readonly flags: Flags;
  /** Flags of Node itself. */
  readonly nodeFlags: readonly string[];
  readonly variables: Variables;
  readonly slices: readonly ConfigSlice[];
}

function processOf(workload: Workload, documents: readonly Manifest[]): Process {
  const [container] = workload.spec.containers;
  const words = [...(container?.command ?? []), ...(container?.args ?? [])];
  const entry = words.indexOf(ENTRY);
  if (words[0] !== 'node' || entry < 0) throw new Error(`${named(workload.document)} runs ${words.join(' ')}`);
  const flags = readFlags(words.slice(entry + 1));
  const services = catalog.filter(({ name }) => flags.targets.includes(name));
  const slices = [...new Set([...PLATFORM_SLICES, ...services.flatMap(({ config }) => config)])];
  return {
    workload,
    flags,
    nodeFlags: words.slice(1, entry),
    variables: environmentOf(workload, documents),
    slices,
  };
}

/** Names that no process reads, and secrets that are no files. */
function nameFaults({ variables, slices }: Process): string[] {
  const fields = new Map(slices.flatMap((slice) => Object.entries(slice.fields)));
  return Object.keys(variables).flatMap((name) => {
    if (OF_NODE.has(name)) return [];
    const field = fields.get(name) ?? fields.get(name.replace(/_FILE$/, ''));
    if (!field) return [`nobody reads ${name}`];
    return field.secret === true && fields.has(name) ? [`${name} is no file`] : [];
  });
}

function fileFaults({ workload, variables }: Process, documents: readonly Manifest[]): string[] {
  const annotations = workload.template.metadata?.annotations ?? {};
  return Object.entries(variables).flatMap(([name, file]) =>
    name.endsWith('_FILE') ? (missingFile(file, workload.spec, annotations, documents) ?? []) : [],
  );
}

/** Peers are found by Services that lead to their port. */
function peerFaults({ variables, flags }: Process, documents: readonly Manifest[]): string[] {
  return Object.entries(variables).flatMap(([name, address]) => {
    const peer = /^NEXUS_([A-Z]+)_URL$/.exec(name)?.[1]?.toLowerCase();
    if (peer === undefined) return [];
    const { hostname, port, protocol } = new URL(address);
    const service = ofKind(documents, 'Service').find(({ metadata }) => metadata.name === hostname);
    const deployment = ofKind(documents, 'Deployment').find(({ metadata }) => serviceOf(metadata.labels) === peer);
    const labels = deployment?.spec.template.metadata?.labels ?? {};
    return [
      ...(flags.targets.includes(peer as never) ? [`${name} leads to itself`] : []),
      ...(protocol === 'https:' ? [] : [`${name} is without TLS`]),
      ...(service?.spec.ports.some((open) => open.port === Number(port)) ? [] : [`${name} leads to no Service`]),
      ...(service && selects({ matchLabels: service.spec.selector ?? {} }, labels) ? [] : [`${name} leads elsewhere`]),
    ];
  });
}

describeCharts('configuration', (charts) => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'nexus-charts-'));
    for (const [name, content] of Object.entries(CONTENTS)) writeFileSync(path.join(folder, name), content);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** The configuration as the process itself would read it. @throws ConfigError */
  function load({ flags, variables }: Process): Config {
    const local = Object.entries(variables).map(([name, value]) =>
      name.endsWith('_FILE') ? [name, path.join(folder, name.slice(0, -'_FILE'.length))] : [name, value],
    );
    return loadProcessConfig(
      catalog.filter(({ name }) => flags.targets.includes(name)),
      Object.fromEntries(local),
    );
  }

  function faultsOf(process: Process, documents: readonly Manifest[]): string[] {
    const faults = [
      ...nameFaults(process),
      ...fileFaults(process, documents),
      ...peerFaults(process, documents),
      ...portFaults(process),
    ];
    try {
      load(process);
    } catch (error) {
      faults.push((error as Error).message);
    }
    return faults.map((fault) => `${named(process.workload.document)}: ${fault}`);
  }

  /** The ports that the process opens are those of its container. */
  function portFaults(process: Process): string[] {
    const { variables, workload, flags } = process;
    if (workload.does !== 'serve') return [];
    const own = flags.targets.includes('gateway') ? 'PORT' : `NEXUS_${flags.targets[0]?.toUpperCase()}_PORT`;
    const opened = [Number(variables[own]), Number(variables.MANAGEMENT_PORT)];
    const told = workload.spec.containers[0]?.ports?.map(({ containerPort }) => containerPort) ?? [];
    return [
      ...(opened.join() === told.join() ? [] : [`opens ${opened.join()} and tells of ${told.join()}`]),
      ...(opened[1] === MANAGEMENT_PORT ? [] : ['has another management port']),
    ];
  }

  const all = (documents: readonly Manifest[]): Process[] =>
    processesOf(documents).map((workload) => processOf(workload, documents));
  const faults = (documents: readonly Manifest[]): string[] =>
    all(documents).flatMap((process) => faultsOf(process, documents));

  const SHAPES = ENVIRONMENTS.flatMap((environment) =>
    (['split', 'monolith'] as const).map((mode) => ({ environment, mode })),
  );

  test.each(SHAPES)('$environment, $mode: every process starts with what it is told', async ({ environment, mode }) => {
    const documents = await charts.documents('nexus', optionsFor(environment, { 'global.mode': mode }));
    expect(faults(documents)).toEqual([]);
    const targets = all(documents).map(({ flags }) => flags.targets.join());
    // Each is looked at: one that serves, and one that migrates where there is something to.
    expect(targets).toHaveLength(mode === 'split' ? 11 : 2);
    for (const process of all(documents)) {
      const { NEXUS_ENV, HOST, MANAGEMENT_HOST } = load(process).get(platformConfig);
      expect({ NEXUS_ENV, HOST, MANAGEMENT_HOST }).toEqual({
        NEXUS_ENV: environment,
        HOST: '0.0.0.0',
        MANAGEMENT_HOST: '0.0.0.0',
      });
    }
  });

  test('charts that are installed one by one find each other', async () => {
    const each = await Promise.all(
      catalog.map(({ name }) => charts.documents(name, { ...optionsFor('production'), release: name })),
    );
    expect(faults(each.flat())).toEqual([]);
  });

  test.each(SECRET_PROVIDERS)('%s writes every file that a process is told of', async (provider) => {
    const documents = await charts.documents('nexus', withSecretsFrom(provider));
    expect(faults(documents)).toEqual([]);
    const told = all(documents).flatMap(({ variables }) => Object.keys(variables));
    expect(told).toEqual(expect.arrayContaining(['ADMIN_PASSWORD_FILE', 'GATEWAY_ROUTES_FILE', 'SMTP_URL_FILE']));
  });

  test.each<[string, (data: Record<string, string>) => void, RegExp]>([
    ['a name that nobody reads', (data) => Object.assign(data, { LOG_LEVL: 'info' }), /nobody reads LOG_LEVL/],
    [
      'a secret that is no file',
      (data) => Object.assign(data, { AUTH_SECRET: 'x'.repeat(32) }),
      /AUTH_SECRET is no file/,
    ],
    ['a value that is none', (data) => Object.assign(data, { NEXUS_ENV: 'qa' }), /not usable: NEXUS_ENV/],
    ['a secret too few', (data) => delete data.DATABASE_URL_FILE, /not usable: .*DATABASE_URL/],
    [
      'a file that nobody writes',
      (data) => Object.assign(data, { DATABASE_URL_FILE: '/etc/nexus/secrets/other' }),
      /secrets\/other is/,
    ],
    ['a file in no volume', (data) => Object.assign(data, { TLS_CA_FILE: '/etc/ca.crt' }), /ca\.crt is in no volume/],
    [
      'a peer that is not there',
      (data) => Object.assign(data, { NEXUS_USER_URL: 'https://nobody:8082' }),
      /NEXUS_USER_URL leads to no Service/,
    ],
    [
      "a peer's name for another",
      (data) => Object.assign(data, { NEXUS_USER_URL: 'https://nexus-file:8084' }),
      /NEXUS_USER_URL leads elsewhere/,
    ],
    [
      'another port',
      (data) => Object.assign(data, { NEXUS_AUTH_PORT: '8090' }),
      /opens 8090,9180 and tells of 8081,9180/,
    ],
  ])('it is seen when there is %s', async (_, change, expected) => {
    const documents = structuredClone(await charts.documents('nexus', optionsFor('production'))) as Manifest[];
    const config = documents.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'nexus-auth');
    change((config as unknown as { data: Record<string, string> }).data);
    expect(faults(documents)).toContainEqual(expect.stringMatching(expected));
  });

  test('probes and tests ask paths that the product has', async () => {
    const known = ROUTE_MANIFEST.map((route) => route.path);
    const documents = await charts.documents('nexus', optionsFor('production'));
    const asked = workloadsOf(documents).flatMap(({ spec }) =>
      spec.containers.flatMap(({ startupProbe, livenessProbe, readinessProbe, command = [] }) => [
        ...[startupProbe, livenessProbe, readinessProbe].flatMap((probe) => probe?.httpGet?.path ?? []),
        ...command.flatMap((word) => (/^https?:/.test(word) ? new URL(word).pathname : [])),
      ]),
    );
    expect([...new Set(asked)].sort()).toEqual(['/health/live', '/health/ready']);
    expect(known).toEqual(expect.arrayContaining(asked));
  });

  test('Node takes the flags it is started with', async () => {
    const documents = await charts.documents('nexus', optionsFor('production'));
    const flags = [...new Set(all(documents).map(({ nodeFlags }) => nodeFlags.join(' ')))];
    expect(flags).not.toEqual([]);
    for (const line of flags) {
      const { status, stderr } = spawnSync(process.execPath, [...line.split(' '), '--eval', ''], { encoding: 'utf8' });
      expect(`${stderr}${status}`).toBe('0');
    }
  });

  test.each([
    ['development', '10', '10000'],
    ['staging', '20', '20000'],
    ['production', '30', '30000'],
  ] as const)('%s: %s connections, waited for %s ms', async (environment, size, timeout) => {
    for (const mode of ['split', 'monolith']) {
      const documents = await charts.documents('nexus', optionsFor(environment, { 'global.mode': mode }));
      const pools = all(documents)
        .filter(({ variables }) => variables.DATABASE_URL_FILE !== undefined)
        .map(({ variables }) => [variables.DATABASE_POOL_SIZE, variables.DATABASE_POOL_TIMEOUT_MS].join());
      expect(new Set(pools)).toEqual(new Set([`${size},${timeout}`]));
    }
  });

  test('the figures that are promised are the ones that every process gets', async () => {
    const documents = await charts.documents('nexus', optionsFor('production'));
    for (const { variables } of all(documents)) {
      expect(variables).toMatchObject({
        RATE_LIMIT_ANONYMOUS: '100',
        RATE_LIMIT_USER: '1000',
        RATE_LIMIT_ADMIN: '5000',
        CACHE_L1_ENTRIES: '1000',
        CACHE_L1_TTL_SECONDS: '300',
        CACHE_L2_TTL_SECONDS: '3600',
      });
    }
    const ports = all(documents).flatMap(({ variables, workload }) =>
      workload.does === 'serve'
        ? Object.entries(variables).flatMap(([name, value]) => (/^(PORT|NEXUS_[A-Z]+_PORT)$/.test(name) ? value : []))
        : [],
    );
    expect(ports.sort()).toEqual(['8080', '8081', '8082', '8083', '8084', '8085']);
  });

  /** In which of four renderings each service has another setting: any two services differ in one of them. */
  const VARIATIONS = [
    [0, 1],
    [0, 2],
    [0, 3],
    [1, 2],
    [1, 3],
    [2, 3],
  ];

  test.each([0, 1, 2, 3])('a setting of a service replaces its pods and those of no other: %#', async (rendering) => {
    expect(catalog).toHaveLength(VARIATIONS.length);
    const other = catalog.flatMap(({ name }, index) => (VARIATIONS[index]?.includes(rendering) ? [name] : []));
    const templates = async (set?: RenderOptions['set']): Promise<Map<string, PodTemplate>> => {
      const documents = await charts.documents('nexus', optionsFor('production', set));
      return new Map(ofKind(documents, 'Deployment').map(({ metadata, spec }) => [metadata.name, spec.template]));
    };
    const before = await templates();
    const after = await templates(Object.fromEntries(other.map((name) => [`${name}.config.LOG_LEVEL`, 'warn'])));
    const changed = [...before].filter(([key, template]) => !isDeepStrictEqual(after.get(key), template));
    expect(changed.map(([key]) => key).sort()).toEqual(other.map((name) => `nexus-${name}`).sort());
    for (const [key, template] of changed) expect(withoutChecksum(after.get(key))).toEqual(withoutChecksum(template));
  });
});

/** All of a pod that a change of its settings leaves as it is. */
function withoutChecksum(template: PodTemplate | undefined): unknown {
  const { 'checksum/config': checksum, ...annotations } = template?.metadata?.annotations ?? {};
  expect(checksum).toMatch(/^[0-9a-f]{64}$/);
  return { ...template, metadata: { ...template?.metadata, annotations } };
}
