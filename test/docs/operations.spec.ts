import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import {
  blocks,
  brokenLink,
  code,
  inlineCode,
  links,
  type Page,
  pages,
  ROOT,
  section,
  tableRows,
} from './support/documents.js';
import {
  ChartValues,
  declaredPlatform,
  errorCodes,
  handbook,
  metricNames,
  npmScripts,
  productionBudget,
  SOURCE,
  settingNames,
  tableNames,
} from './support/known-names.js';

const everything = pages(
  'README.md',
  'CONTRIBUTING.md',
  'docs/**/*.md',
  'helm/**/README.md',
  'apps/*/README.md',
  'tools/README.md',
);
const book = handbook();

/** Words that look like names of ours and are others', or made up in a command. */
const FOREIGN_WORDS = new Set([
  // PostgreSQL
  ...['pg_dump', 'pg_dumpall', 'pg_restore', 'pg_basebackup', 'pg_verifybackup', 'archive_command', 'max_connections'],
  ...['pg_stat_activity', 'pg_class', 'pg_namespace', 'pg_replication_slots', 'pg_database_size', 'current_database'],
  ...['application_name', 'backend_type', 'query_start', 'waits_for', 'schema_name', 'nexus_b'],
  // Redis
  ...['maxmemory_policy', 'used_memory_human', 'evicted_keys', 'rejected_connections'],
  // Fields of answers
  'request_id',
]);
/** Settings and codes of others. */
const FOREIGN_SETTINGS = new Set(['CERT_HAS_EXPIRED', 'SELF_SIGNED_CERT_IN_CHAIN']);

/** Numbers of the customer that a later delivery sets. */
const NOT_BUILT = [
  'Vault',
  '90-day rotation of secrets',
  '2-year audit',
  'Prometheus',
  'Grafana',
  'ELK',
  'Jaeger',
  'PagerDuty',
];

/** What each page says that is not so, as sentences. */
function faults(of: readonly Page[], look: (page: Page) => Iterable<string>): string[] {
  return of.flatMap((page) => [...look(page)].map((fault) => `${page.file}: ${fault}`));
}

function words(page: Page, pattern: RegExp): string[] {
  return code(page).flatMap((text) => [...text.matchAll(pattern)].map(([word]) => word));
}

describe('the documents', () => {
  test('have no link that leads nowhere', () => {
    expect(everything.flatMap((page) => links(page).flatMap((target) => brokenLink(page, target) ?? []))).toEqual([]);
    expect(everything.flatMap(links).length).toBeGreaterThan(50);
  });

  test('name scripts that there are', () => {
    const known = npmScripts();
    const named = (page: Page) =>
      [...page.text.matchAll(/\bnpm run ([a-z][a-z:]*)/g)].map(([, name]) => name as string);
    expect(faults(everything, (page) => named(page).filter((name) => !known.has(name)))).toEqual([]);
  });
});

describe("the operator's handbook", () => {
  test('is short enough to be read at night', () => {
    expect(book.length).toBeGreaterThan(12);
    expect(book.filter(({ text }) => text.split('\n').length > 301).map(({ file }) => file)).toEqual([]);
  });

  test('leads to every runbook', () => {
    const named = new Set(book.flatMap((page) => links(page).map((to) => path.join(path.dirname(page.file), to))));
    expect(book.map(({ file }) => file).filter((file) => file.includes('runbooks') && !named.has(file))).toEqual([]);
  });

  test('names files that there are', () => {
    const named = (page: Page) =>
      inlineCode(page).filter((text) => /^(apps|libs|tools|test|docs|helm|bench|deploy)\/[\w./*-]+$/.test(text));
    const missing = (name: string) => !name.includes('*') && !existsSync(path.join(ROOT, name));
    expect(faults(book, (page) => named(page).filter(missing))).toEqual([]);
    expect(book.flatMap(named).length).toBeGreaterThan(20);
  });

  test('names settings that there are', () => {
    const known = settingNames();
    const isKnown = (word: string) =>
      known.has(word.replace(/_FILE$/, '')) || FOREIGN_SETTINGS.has(word) || isErrorCode(word);
    const named = (page: Page) => page.text.match(/\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b/g) ?? [];
    expect(faults(book, (page) => named(page).filter((word) => !isKnown(word)))).toEqual([]);
    expect(new Set(book.flatMap(named)).size).toBeGreaterThan(20);
  });

  test('names metrics, errors and tables that there are', () => {
    const metrics = metricNames();
    const known = new Set([...metrics, ...errorCodes(), ...tableNames(), ...FOREIGN_WORDS]);
    const isKnown = (word: string) => known.has(word) || metrics.has(word.replace(/_(bucket|sum|count)$/, ''));
    // Words of two parts and more, alone: not within a path, a longer name or a field of JSON.
    const named = (page: Page) => words(page, /(?<![\w./"$-])[a-z][a-z0-9]*(?:_[a-z0-9]+)+(?![\w/"(-])/g);
    expect(faults(book, (page) => named(page).filter((word) => !isKnown(word)))).toEqual([]);
    expect(metrics.size).toBeGreaterThan(40);
    expect(new Set(book.flatMap(named).filter((word) => metrics.has(word))).size).toBeGreaterThan(10);
  });

  test('quotes log records that the code writes', () => {
    const quoted = (page: Page) =>
      blocks(page).flatMap((text) =>
        [...text.matchAll(/^\{"log\.level".*$/gm)].flatMap(([line]) =>
          [...line.matchAll(/"(?:message|event\.action)":"([^"]+)"/g)].map(([, said]) => said as string),
        ),
      );
    // The line of a request is its method, its route and its status.
    const isSaid = (said: string) => isInSource(said) || /^[A-Z]+ \/\S* \d{3}$/.test(said);
    expect(faults(book, (page) => quoted(page).filter((said) => !isSaid(said)))).toEqual([]);
    expect(book.flatMap(quoted).length).toBeGreaterThan(5);
  });

  test('names chart values that there are', () => {
    const values = new ChartValues();
    const tables = tableNames();
    const group = /^(global|monolith|gateway|auth|user|project|file|notification)\.[A-Za-z]/;
    const inText = (page: Page) =>
      inlineCode(page)
        .map((text) => text.replace(/[:=].*$/s, '').trim())
        .filter(
          (text) =>
            group.test(text) &&
            /^[\w.-]+$/.test(text) &&
            !/\.(md|ts|tgz|yaml)$/.test(text) &&
            !tables.has(text) &&
            !isInSource(text),
        );
    const onLine = (page: Page) =>
      blocks(page).flatMap((text) =>
        [...text.matchAll(/--set(?:-string|-json|-file)?[ =]'?([A-Za-z][\w.]*)/g)].map(([, name]) => name as string),
      );
    const named = (page: Page) => [...inText(page), ...onLine(page)];
    expect(faults(book, (page) => named(page).filter((name) => !values.has(name)))).toEqual([]);
    expect(new Set(book.flatMap(named)).size).toBeGreaterThan(15);
  });
});

describe('the figures of the handbook', () => {
  const [operations] = book as [Page];
  const cells = (list: readonly string[]): string => list.join(', ') || '–';

  test('the call graph is the declared one', () => {
    const { services } = declaredPlatform();
    const all = Object.keys(services).length - 1;
    const rows = tableRows(section(operations, '## Who talks to whom')).map(
      ([name, port, callers, calls, systems]) => ({
        name,
        port: port?.split(' ')[0],
        // Clients are no service: who they are is a value.
        callers: callers === '`global.networkPolicy.clients`' ? '–' : callers,
        calls: calls === 'all five' ? all : calls,
        systems,
      }),
    );
    const names = { postgres: 'PostgreSQL', redis: 'Redis', smtp: 'SMTP' } as Record<string, string>;
    const declared = Object.entries(services).map(([name, { port, callers, calls, egress }]) => ({
      name,
      port: String(port),
      callers: cells(callers),
      calls: calls.length === all ? all : cells(calls),
      systems: cells(egress.map((system) => names[system] ?? system)),
    }));
    expect(rows).toEqual(declared);
  });

  test('the budget of connections is the one of production', () => {
    const { maxReplicas, maxConnections, reservedConnections } = productionBudget();
    const pool = (name: string) => ChartValues.default(`global.postgres.pools.production.${name}`) as number;
    const surge = ChartValues.default('global.rollout.maxSurge') as number;
    const withData = Object.values(declaredPlatform().services).filter(({ database }) => database).length;
    const sum = withData * (maxReplicas + surge) * (pool('size') + pool('overflow')) + reservedConnections;
    expect(sum).toBeLessThanOrEqual(maxConnections);
    expect(operations.text).toContain(
      `${withData} × (${maxReplicas} + ${surge}) × (${pool('size')} + ${pool('overflow')}) + ${reservedConnections} = ${sum}`,
    );
  });
});

describe("the table of the customer's numbers", () => {
  const [operations] = book as [Page];
  const rows = tableRows(section(operations, "## The customer's numbers"));
  const notBuilt = rows.filter((cells) => cells.slice(1).every((cell) => cell === 'not built yet'));
  const built = rows.filter((cells) => !notBuilt.includes(cells));

  /** Test files of a row, each with the names of tests that are quoted after it. */
  function proofs(cell: string): { file: string; quoted: string[] }[] {
    return [...cell.matchAll(/\[`([^`]+)`\]\(\.\.\/([^)]+)\)((?:[^[“]*“[^”]+”)*)/g)].map(([, shown, file, after]) => {
      expect(file).toBe(shown);
      return {
        file: file as string,
        quoted: [...(after as string).matchAll(/“([^”]+)”/g)].map(([, name]) => name as string),
      };
    });
  }

  test('has no empty cell, and says of nothing else that it is not built', () => {
    expect(rows.length).toBeGreaterThan(20);
    expect(rows.filter((cells) => cells.length !== 3 || cells.some((cell) => cell === ''))).toEqual([]);
    expect(notBuilt.map(([number]) => number).sort()).toEqual([...NOT_BUILT].sort());
  });

  test('names values by what they are by default', () => {
    const wrong: string[] = [];
    let count = 0;
    for (const [, setBy = ''] of built) {
      for (const [, name = '', value = ''] of setBy.matchAll(/`((?:global|[a-z]+)\.[A-Za-z_.]+): ([^`]+)`/g)) {
        count += 1;
        const found = ChartValues.default(name);
        if (String(found) !== value) wrong.push(`${name} is ${found}, not ${value}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(count).toBeGreaterThan(10);
  });

  test('names files that set each number', () => {
    const named = built.map(([number, setBy = '']) => ({
      number,
      files: [...setBy.matchAll(/\]\(([^)]+)\)/g)].map(([, to]) => path.join('docs', to as string)),
    }));
    expect(named.filter(({ files }) => files.length === 0)).toEqual([]);
    expect(named.flatMap(({ files }) => files.filter((file) => !existsSync(path.join(ROOT, file))))).toEqual([]);
  });

  test('names tests that prove each number, and none that is left out', () => {
    const wrong: string[] = [];
    for (const [number = '', , proof = ''] of built) {
      const named = proofs(proof);
      // What holds for many renderings is a rule of its own, which a test applies.
      if (!named.some(({ file }) => file.endsWith('.spec.ts'))) wrong.push(`${number}: no test`);
      for (const { file, quoted } of named) {
        const text = existsSync(path.join(ROOT, file)) ? readFileSync(path.join(ROOT, file), 'utf8') : '';
        if (!/\.spec\.ts$|^test\/.*\.ts$/.test(file) || text === '') wrong.push(`${number}: ${file} is no test`);
        if (/\b(?:test|it|describe)\.(?:skip|only|todo)\(|\bx(?:it|test|describe)\(/.test(text))
          wrong.push(`${number}: ${file} leaves out tests`);
        if (quoted.length === 0) wrong.push(`${number}: which test of ${file}?`);
        for (const name of quoted) if (!text.includes(name)) wrong.push(`${number}: ${file} has no test “${name}”`);
      }
    }
    expect(wrong).toEqual([]);
  });
});

function isInSource(text: string): boolean {
  return SOURCE.includes(`'${text}'`);
}

/** A code by which a process tells faults of connections apart. */
function isErrorCode(word: string): boolean {
  return isInSource(word) && /^UPSTREAM_/.test(word);
}
