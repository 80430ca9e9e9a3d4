import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { parse } from 'yaml';
import { pages, ROOT, readPage } from './documents.js';

const read = (file: string): string => readFileSync(path.join(ROOT, file), 'utf8');

/** All code of the product. */
function sources(): string[] {
  return globSync(['libs/*/src/**/*.ts', 'apps/**/*.ts'], { cwd: ROOT })
    .filter((file) => !/\.spec\.ts$|\/test\/|^libs\/testing\//.test(file))
    .map(read);
}

/** The product's code as one text, to find what it says in it. */
export const SOURCE = sources().join('\n');

/** Metrics that a process gives: its own, and those of the client library. */
export function metricNames(): Set<string> {
  const own = [
    ...SOURCE.matchAll(/(?:registerCollector|new LatencyHistogram)\(\s*'([a-z][a-z0-9_]*)'/g),
    ...SOURCE.matchAll(/^const (?:NAME|ERRORS) = '([a-z][a-z0-9]*(?:_[a-z0-9]+)+)';$/gm),
  ].map(([, name]) => name as string);
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const standard = registry.getMetricsAsArray().map(({ name }) => name);
  registry.clear();
  return new Set([...own, ...standard]);
}

/** Settings of the product, by docs/config.md, which is made of the code. */
export function settingNames(): Set<string> {
  return new Set(
    [...read('docs/config.md').matchAll(/^\| `([A-Z][A-Z0-9_]*)` \|/gm)].map(([, name]) => name as string),
  );
}

/** Reasons that clients are told, by docs/errors.md, which is made of the code. */
export function errorCodes(): Set<string> {
  return new Set([...read('docs/errors.md').matchAll(/^\| `([a-z_]+)` \|/gm)].map(([, name]) => name as string));
}

/** Tables of the services, as `schema.table` and `table`: those that code and migrations name. */
export function tableNames(): Set<string> {
  const found = new Set<string>();
  for (const { file, text } of pages('apps/*/README.md')) {
    const schema = file.split('/')[1] as string;
    const [line = ''] = /^- \*\*Tables\*\*.*$/m.exec(text) ?? [];
    for (const [, name = ''] of line.matchAll(/`([a-z_.]+)`/g)) {
      const table = name.replace(`${schema}.`, '');
      found.add(table).add(`${schema}.${table}`);
    }
  }
  return found;
}

export function npmScripts(): Set<string> {
  return new Set(Object.keys((JSON.parse(read('package.json')) as { scripts: object }).scripts));
}

interface Schema {
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
}

/** The values of the umbrella chart: which there may be, and what they are by default. */
export class ChartValues {
  readonly #schemas: Readonly<Record<string, Schema>>;

  constructor() {
    const services = ['gateway', 'auth', 'user', 'project', 'file', 'notification'];
    this.#schemas = Object.fromEntries(
      ['nexus', ...services].map((chart) => [chart, JSON.parse(read(`helm/${chart}/values.schema.json`)) as Schema]),
    );
  }

  static default(dotted: string): unknown {
    const [first = ''] = dotted.split('.', 1);
    const inUmbrella = ChartValues.at(parse(read('helm/nexus/values.yaml')), dotted.split('.'));
    if (inUmbrella !== undefined || first === 'global' || first === 'monolith') return inUmbrella;
    return ChartValues.at(parse(read(`helm/${first}/values.yaml`)), dotted.split('.').slice(1));
  }

  static at(tree: unknown, keys: readonly string[]): unknown {
    return keys.reduce<unknown>((node, key) => (node as Record<string, unknown> | undefined)?.[key], tree);
  }

  /** Whether the umbrella chart takes a value of this path, e.g. `global.postgres.maxConnections`. */
  has(dotted: string): boolean {
    let root = this.#schemas.nexus as Schema;
    let keys = dotted.split('.');
    const [first = ''] = keys;
    if (this.#schemas[first] && first !== 'nexus') {
      root = this.#schemas[first] as Schema;
      keys = keys.slice(1);
    }
    let node: Schema | undefined = root;
    for (const key of keys) {
      node = node && resolve(root, node);
      const more: Schema['additionalProperties'] = node?.additionalProperties;
      node = node?.properties?.[key] ?? (typeof more === 'object' ? more : undefined);
      if (!node) return false;
    }
    return true;
  }
}

function resolve(root: Schema, node: Schema): Schema {
  if (node.$ref === undefined) return node;
  const found = ChartValues.at(root, node.$ref.replace(/^#\//, '').split('/')) as Schema;
  return resolve(root, found);
}

/** What the charts know of the services, which is made of the code. */
export function declaredPlatform(): {
  services: Record<string, { port: number; database: boolean; calls: string[]; callers: string[]; egress: string[] }>;
} {
  const [, yaml = ''] =
    /define "nexus-lib\.platform" -\}\}\n([\s\S]*?)\{\{- end/.exec(read('helm/nexus-lib/templates/_platform.tpl')) ??
    [];
  return parse(yaml) as ReturnType<typeof declaredPlatform>;
}

/** What production says of pods and connections. */
export function productionBudget(): { maxReplicas: number; maxConnections: number; reservedConnections: number } {
  const { global } = parse(read('helm/envs/production.yaml')) as {
    global: {
      autoscaling: { maxReplicas: number };
      postgres: { maxConnections: number; reservedConnections: number };
    };
  };
  return { ...global.autoscaling, ...global.postgres };
}

/** The pages of the handbook. */
export function handbook(): ReturnType<typeof readPage>[] {
  return [readPage('docs/operations.md'), ...pages('docs/runbooks/*.md')];
}
