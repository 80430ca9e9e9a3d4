import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Lock, productionPackages } from './production-packages.ts';
import { isShipped, isShippedProgram } from './shipped-files.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'nexus-packages-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

type Packages = Lock['packages'];

/** A checkout in which all of these are installed, but for those of the list. */
function installed(packages: Packages, ...missing: string[]): Lock {
  for (const path of Object.keys(packages).filter((name) => name !== '' && !missing.includes(name))) {
    mkdirSync(join(root, path), { recursive: true });
    writeFileSync(join(root, path, 'package.json'), '{}');
  }
  return { packages };
}

const version = '1.0.0';
const paths = (lock: Lock, names?: string[]) => productionPackages(root, lock, names).map(({ path }) => path);

describe('the packages of production', () => {
  it('are the dependencies and theirs, each where Node finds it', () => {
    const lock = installed({
      '': { dependencies: { a: '1' } },
      'node_modules/a': { version, dependencies: { b: '1', c: '1' } },
      'node_modules/a/node_modules/b': { version: '2.0.0', dependencies: { c: '1', '@s/d': '1' } },
      'node_modules/a/node_modules/b/node_modules/@s/d': { version },
      'node_modules/b': { version },
      'node_modules/c': { version, dependencies: { a: '1' } },
      'node_modules/unused': { version },
    });
    expect(productionPackages(root, lock)).toEqual([
      { path: 'node_modules/a', name: 'a', version },
      { path: 'node_modules/a/node_modules/b', name: 'b', version: '2.0.0' },
      { path: 'node_modules/a/node_modules/b/node_modules/@s/d', name: '@s/d', version },
      { path: 'node_modules/c', name: 'c', version },
    ]);
  });

  it('leave out what only development needs, declarations, and what the root may do without', () => {
    const lock = installed({
      '': { dependencies: { a: '1' }, optionalDependencies: { node: '1' } },
      'node_modules/a': { version, dependencies: { '@types/a': '1' } },
      'node_modules/@types/a': { version },
      'node_modules/node': { version },
    });
    expect(paths(lock)).toEqual(['node_modules/a']);
  });

  it('hold of the optional ones those of this machine, and peers unless they are optional', () => {
    const lock = installed(
      {
        '': { dependencies: { a: '1' } },
        'node_modules/a': {
          version,
          optionalDependencies: { linux: '1', windows: '1' },
          peerDependencies: { peer: '1', maybe: '1' },
          peerDependenciesMeta: { maybe: { optional: true } },
        },
        'node_modules/linux': { version },
        'node_modules/windows': { version },
        'node_modules/peer': { version },
        'node_modules/maybe': { version },
      },
      'node_modules/windows',
    );
    expect(paths(lock)).toEqual(['node_modules/a', 'node_modules/linux', 'node_modules/peer']);
  });

  it('can be those of a package alone', () => {
    const lock = installed({
      '': { dependencies: { a: '1' } },
      'node_modules/a': { version },
      'node_modules/tool': { version, dependencies: { a: '1' } },
    });
    expect(paths(lock, ['tool'])).toEqual(['node_modules/a', 'node_modules/tool']);
  });

  it('must all be installed', () => {
    const packages: Packages = {
      '': { dependencies: { a: '1' } },
      'node_modules/a': { version, dependencies: { b: '1' } },
      'node_modules/b': { version },
    };
    expect(() => productionPackages(root, installed(packages, 'node_modules/b'))).toThrow(
      'b, which node_modules/a needs, is not installed: run npm ci',
    );
    expect(() => productionPackages(root, { packages: { '': { dependencies: { x: '1' } } } })).toThrow(
      'x, which the image needs',
    );
  });
});

describe('what is shipped', () => {
  it.each([
    'index.js',
    'dist/a.cjs',
    'lib/a.mjs',
    'package.json',
    'native.node',
    'data/words.txt',
    'lib/test/index.js',
  ])('of a package: %s', (path) => expect(isShipped(path)).toBe(true));

  it.each([
    'LICENSE',
    'LICENCE.md',
    'license-MIT.txt',
    'NOTICE',
    'lib/COPYING',
    'docs/LICENSE.md',
  ])('of a package, for the law: %s', (path) => expect(isShipped(path)).toBe(true));

  it.each([
    ...['index.d.ts', 'src/index.ts', 'a.d.mts', 'a.js.map', 'README.md', 'CHANGELOG.md', '.eslintrc', '.github/a.js'],
    ...[
      'test/a.js',
      'tests/a.json',
      '__tests__/a.js',
      'examples/a.js',
      'benchmark/a.js',
      'lib/a.test.js',
      'lib/a.spec.cjs',
    ],
    ...['license.d.ts'],
  ])('not of a package: %s', (path) => expect(isShipped(path)).toBe(false));

  it('of dist/ is the product', () => {
    for (const path of ['apps/main.js', 'apps/auth/src/main.js', 'libs/kernel/src/index.js'])
      expect(isShippedProgram(path)).toBe(true);
    for (const path of ['apps/main.js.map', '.nexus-build', 'libs/testing/src/index.js', 'apps/main.mjs', 'other/a.js'])
      expect(isShippedProgram(path)).toBe(false);
  });
});
