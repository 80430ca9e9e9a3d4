import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type FixtureTree, fixtureTree } from './fixture-tree.ts';

// Written in pieces: the check reads this file too.
const WORK_MARK = 'TO' + 'DO';
const AGAIN = 'retry' + 'Times';

function lines(count: number): string {
  return 'export {};\n'.repeat(count);
}

function constructorWith(count: number): string {
  const parameters = Array.from({ length: count }, (_, index) => `readonly p${index}: string`).join(', ');
  return `export class Wide {\n  constructor(${parameters}) {}\n}\n`;
}

/** As close to the limits as is allowed. */
const KEPT = {
  'apps/main.ts': `console.log(process.argv);\n`,
  'apps/auth/src/main.ts': lines(10),
  'apps/auth/src/index.ts': lines(300),
  'apps/auth/src/auth.module.ts': constructorWith(7),
  'apps/auth/src/keys/api-keys.service.long.spec.ts': lines(1),
  'apps/auth/src/keys/api-keys.service.spec.ts': `${lines(599)}process.env.HOME = '/';\n`,
  'apps/auth/src/migrations/0001-accounts.ts': lines(1),
  'apps/auth/src/adapters/sessions.local.ts': `const query = { only: 1, skip: (n: number) => n };\nquery.skip(query.only);\n`,
  'apps/auth/README.md': 'x',
  'libs/config/src/load-config.ts': `export const home = process.env.HOME;\n`,
  'libs/http/src/route-manifest.generated.ts': lines(900),
  'libs/http/src/e-tag.ts': `const shape = { env: 1, process: 2 };\nexport const value = shape.env + shape.process;\n`,
  'libs/http/src/shared-secret.ts': lines(1),
  'libs/http/src/__snapshots__/routes.spec.ts.snap': 'x',
  'tools/run.mjs': `export const home = process.env.HOME;\n`,
};

interface Breach {
  readonly breaks: string;
  readonly file: string;
  readonly text?: string;
  readonly line?: number;
  readonly says: string;
}

const BREACHES: readonly Breach[] = [
  { breaks: 'a source file is too long', file: 'libs/a/src/long.ts', text: lines(301), line: 301, says: 'at most 300' },
  { breaks: 'a spec is too long', file: 'libs/a/src/long.spec.ts', text: lines(601), line: 601, says: 'at most 600' },
  { breaks: 'an entry does too much', file: 'apps/auth/src/main.ts', text: lines(11), line: 11, says: 'at most 10' },
  {
    breaks: 'a constructor takes eight',
    file: 'libs/a/src/wide.ts',
    text: constructorWith(8),
    line: 2,
    says: '8 constructor parameters: at most 7',
  },
  {
    breaks: 'process.env is read',
    file: 'apps/auth/src/a.service.ts',
    text: `\nexport const home = process.env.HOME;\n`,
    line: 2,
    says: 'process.env is read in libs/config alone',
  },
  {
    breaks: 'process.env is read by a computed name',
    file: 'libs/a/src/env-by-key.ts',
    text: `export const home = process['env'].HOME;\n`,
    says: 'process.env is read in libs/config alone',
  },
  {
    breaks: 'process.env is taken apart',
    file: 'libs/a/src/env-apart.ts',
    text: `const { env: all } = process;\nexport { all };\n`,
    says: 'process.env is read in libs/config alone',
  },
  {
    breaks: 'process.env goes by another name',
    file: 'libs/a/src/env-renamed.ts',
    text: `import self from 'node:process';\nexport const home = self.env.HOME;\n`,
    line: 2,
    says: 'process.env is read in libs/config alone',
  },
  {
    breaks: 'process.env is imported',
    file: 'libs/a/src/env-imported.ts',
    text: `import { env } from 'node:process';\nexport { env };\n`,
    says: 'process.env is read in libs/config alone',
  },
  {
    breaks: 'process.env is reached through the global object',
    file: 'libs/a/src/env-global.ts',
    text: `export const home = globalThis.process.env.HOME;\n`,
    says: 'process.env is read in libs/config alone',
  },
  {
    breaks: 'a cycle is papered over',
    file: 'apps/auth/src/b.module.ts',
    text: `import { forwardRef } from '@nestjs/common';\nvoid forwardRef;\n`,
    says: 'no forwardRef',
  },
  {
    breaks: 'a test runs alone',
    file: 'libs/a/src/only.spec.ts',
    text: `it('a', () => {});\nit.only('b', () => {});\n`,
    line: 2,
    says: '.only: every test of a spec runs',
  },
  {
    breaks: 'a suite is left out',
    file: 'libs/a/src/skip.spec.ts',
    text: `describe.skip('a', () => {});\n`,
    says: '.skip: every test of a spec runs',
  },
  {
    breaks: 'a table of tests is left out',
    file: 'test/acceptance/table.spec.ts',
    text: `test.concurrent.skip.each([1])('a', () => {});\n`,
    says: '.skip: every test of a spec runs',
  },
  {
    breaks: 'a test is left out on a condition',
    file: 'libs/a/src/maybe.spec.ts',
    text: `const maybe = Date.now() ? it : it.skip;\nmaybe('a', () => {});\n`,
    says: '.skip: every test of a spec runs',
  },
  {
    breaks: 'a test is crossed out',
    file: 'libs/a/src/crossed.spec.ts',
    text: `xit('a', () => {});\n`,
    says: 'xit(: every test of a spec runs',
  },
  {
    breaks: 'a test is retried until it passes',
    file: 'libs/a/src/again.spec.ts',
    text: `import { jest } from '@jest/globals';\njest.${AGAIN}(3);\n`,
    line: 2,
    says: 'a test passes the first time or is wrong',
  },
  {
    breaks: 'work is left for later',
    file: 'libs/a/src/later.ts',
    text: `export {};\n// ${WORK_MARK}: finish\n`,
    line: 2,
    says: `${WORK_MARK}: finish it, or open an issue`,
  },
  { breaks: 'a file is not kebab-case', file: 'libs/a/src/camelCase.ts', says: 'camelCase.ts: names are kebab-case' },
  { breaks: 'a tool is not kebab-case', file: 'tools/snake_case.mjs', says: 'snake_case.mjs: names are kebab-case' },
  { breaks: 'a file is a catch-all', file: 'libs/a/src/http-utils.ts', says: 'no utils, helpers, common or shared' },
  { breaks: 'only a spec is long', file: 'libs/a/src/key.long.ts', says: "suffix .long: a file's kind is one of" },
  { breaks: 'a kind is unknown', file: 'libs/a/src/key.manager.ts', says: "suffix .manager: a file's kind is one of" },
  {
    breaks: 'a spec has an unknown kind',
    file: 'apps/auth/src/key.e2e.spec.ts',
    says: "suffix .e2e: a file's kind is",
  },
  { breaks: 'a file has two kinds', file: 'apps/auth/src/key.job.service.ts', says: 'a file has one kind' },
];

const FOLDER_BREACHES = [
  { folder: 'apps/auth/src/Keys', says: 'folder Keys: names are kebab-case' },
  { folder: 'libs/shared', says: 'folder shared: no utils, helpers, common or shared' },
  { folder: 'test/helpers', says: 'folder helpers: no utils, helpers, common or shared' },
];

describe('limits of the house', () => {
  let tree: FixtureTree;
  afterAll(() => tree.remove());

  it('accepts a tree that keeps them', () => {
    tree = fixtureTree(KEPT);
    const { code, output } = tree.run('house.ts');
    expect(output).toMatch(/^\d+ source files: no faults\n$/);
    expect(code).toBe(0);
    tree.remove();
  });

  it('accepts an empty tree', () => {
    tree = fixtureTree({});
    expect(tree.run('house.ts')).toEqual({ code: 0, output: '0 source files: no faults\n' });
    tree.remove();
  });

  describe('broken', () => {
    let said: string[];
    let code: number | null;

    beforeAll(() => {
      tree = fixtureTree({
        ...KEPT,
        ...Object.fromEntries(BREACHES.map(({ file, text }) => [file, text ?? 'export {};\n'])),
        ...Object.fromEntries(FOLDER_BREACHES.map(({ folder }) => [`${folder}/note.txt`, ''])),
      });
      const result = tree.run('house.ts');
      said = result.output.split('\n');
      code = result.code;
    });

    it('fails the check', () => {
      expect(code).toBe(1);
    });

    it.each(BREACHES)('names file, line and rule when $breaks', ({ file, line, says }) => {
      const atPlace = said.filter((text) => text.startsWith(`${file}:${line ?? 1}  `));
      expect(atPlace).toEqual([expect.stringContaining(says)]);
    });

    it.each(FOLDER_BREACHES)('names the folder $folder', ({ folder, says }) => {
      expect(said).toContainEqual(expect.stringContaining(`${folder}:1  ${says}`));
    });

    it('blames nothing else', () => {
      const blamed = new Set(said.filter((text) => /^\S+:\d+ {2}/.test(text)).map((text) => text.split(':')[0]));
      const expected = [...BREACHES.map(({ file }) => file), ...FOLDER_BREACHES.map(({ folder }) => folder)];
      expect([...blamed].sort()).toEqual([...new Set(expected)].sort());
    });
  });
});
