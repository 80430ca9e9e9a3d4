import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { buildCharts } from './charts.js';
import { parseManifests, valueArguments } from './render.js';

describe('buildCharts', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'nexus-built-charts-'));
    write('lib/Chart.yaml', 'name: lib\nversion: 1.0.0\ntype: library');
    write('lib/templates/_a.tpl', 'a');
    write('leaf/Chart.yaml', chart('leaf', 'lib'));
    write('whole/Chart.yaml', chart('whole', 'lib', 'leaf'));
    write('envs/production.yaml', 'a: 1');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function write(file: string, content: string): void {
    const whole = path.join(folder, 'helm', file);
    mkdirSync(path.dirname(whole), { recursive: true });
    writeFileSync(whole, content);
  }

  const chart = (name: string, ...needed: string[]): string =>
    `name: ${name}\nversion: 1.0.0\ndependencies:\n${needed
      .map((other) => `  - name: ${other}\n    version: 1.0.0\n    repository: file://../${other}\n`)
      .join('')}`;

  const build = () => buildCharts({ source: path.join(folder, 'helm'), cache: path.join(folder, 'cache') });
  const inCache = () => readdirSync(path.join(folder, 'cache'));

  test('puts what a chart depends on into it, with what that depends on, and leaves the source alone', () => {
    const built = build();
    expect([...built.charts.keys()]).toEqual(['leaf', 'lib', 'whole']);
    expect(existsSync(path.join(built.folder, 'whole/charts/leaf/charts/lib/templates/_a.tpl'))).toBe(true);
    expect(existsSync(path.join(built.folder, 'whole/charts/lib/Chart.yaml'))).toBe(true);
    expect(readFileSync(path.join(built.folder, 'envs/production.yaml'), 'utf8')).toBe('a: 1');
    expect(existsSync(path.join(folder, 'helm/leaf/charts'))).toBe(false);
  });

  test('is made once for a content, whatever Helm has left there', () => {
    const { folder: first } = build();
    write('leaf/charts/lib-0.9.0.tgz', 'of another time');
    write('leaf/Chart.lock', 'of another time');
    expect(build().folder).toBe(first);
    expect(inCache()).toHaveLength(1);
    write('lib/templates/_a.tpl', 'b');
    expect(build().folder).not.toBe(first);
    expect(existsSync(path.join(build().folder, 'leaf/charts/lib-0.9.0.tgz'))).toBe(false);
  });

  test('what is of no use for long is removed', () => {
    const { folder: first } = build();
    utimesSync(first, 0, 0);
    expect(build().folder).toBe(first);
    write('lib/templates/_a.tpl', 'b');
    expect(inCache()).toHaveLength(1);
    const { folder: second } = build();
    expect(inCache()).toEqual([path.basename(second)]);
  });

  test.each([
    ['a chart that is not here', chart('leaf', 'nobody'), /leaf depends on file:\/\/\.\.\/nobody, which is not here/],
    ['a circle', chart('leaf', 'whole'), /leaf → whole → leaf depend on each other/],
    [
      'a registry',
      'name: leaf\ndependencies: [{ name: lib, repository: "oci://example.com/charts" }]',
      /leaf depends on oci:/,
    ],
  ])('says so when one depends on %s', (_, content, sentence) => {
    write('leaf/Chart.yaml', content);
    expect(build).toThrow(sentence);
    // Half of it is not taken for all of it the next time.
    expect(build).toThrow(sentence);
  });
});

describe('parseManifests', () => {
  test('reads as Kubernetes does: YAML 1.1, documents without content left out', () => {
    const text = '# nothing\n---\n# Source: a\nkind: A\nspec: { mode: 0440, on: yes }\n---\n---\nkind: B\n';
    expect(parseManifests(text)).toEqual([{ kind: 'A', spec: { mode: 0o440, true: true } }, { kind: 'B' }]);
  });

  test.each([['a: 1\na: 2'], ['a: [']])('refuses %j', (text) => {
    expect(() => parseManifests(text)).toThrow();
  });
});

test('values are given with their types', () => {
  expect(valueArguments({ values: ['envs/a.yaml'], set: { 'a.b': '1', c: [true], d: 2 } })).toEqual([
    '--values=envs/a.yaml',
    '--set-json=a.b="1"',
    '--set-json=c=[true]',
    '--set-json=d=2',
  ]);
});
