import { cpSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type FixtureTree, fixtureTree } from './fixture-tree.ts';

const HOME = path.resolve(import.meta.dirname, '../..');
const CLEAN = `export const answer = 42;\n`;

function lintTree(files: Record<string, string>): FixtureTree {
  const tree = fixtureTree(files);
  cpSync(path.join(HOME, 'biome.json'), path.join(tree.root, 'biome.json'));
  return tree;
}

describe('npm run check', () => {
  let tree: FixtureTree;
  afterEach(() => tree.remove());

  it('runs every step on a tree without faults and tells the time of each', () => {
    tree = lintTree({
      'package.json': '{\n  "name": "fixture"\n}\n',
      'tsconfig.json': '{ "compilerOptions": { "strict": true, "types": [] }, "include": ["libs"] }\n',
      'libs/kernel/src/index.ts': CLEAN,
    });
    const { code, output } = tree.run('main.ts');
    expect(output.replaceAll(/ +\d+\.\d s/g, ' <time>')).toMatch(
      /^(ok .* <time> .*\n){5}check: all 5 steps passed in <time>\n$/,
    );
    expect(code).toBe(0);
  });

  it('goes on after a failed step, shows what it said and exits 1', () => {
    tree = lintTree({
      'tsconfig.json': '{ "compilerOptions": { "strict": true, "types": [] }, "include": ["libs"] }\n',
      'libs/nowhere/src/index.ts': `export const fine = 1;\nexport const answer: string = 42;\n`,
      'libs/nowhere/src/two_words.ts': CLEAN,
    });
    const { code, output } = tree.run('main.ts');
    expect(output).toMatch(/^FAIL dependencies/m);
    expect(output).toMatch(/^FAIL types/m);
    expect(output).toMatch(/libs\/nowhere\/src\/index\.ts\(2,14\): error TS2322/);
    expect(output).toMatch(/^FAIL house/m);
    expect(output).toMatch(/^ok {3}lint/m);
    expect(output).toContain('libs/nowhere/src/two_words.ts:1  two_words.ts: names are kebab-case');
    expect(output).toMatch(/check: 3 of 5 steps failed \(.*\) in/);
    expect(code).toBe(1);
  });

  it('refuses a step that it does not know', () => {
    tree = fixtureTree({});
    const { code, output } = tree.run('main.ts', 'lint', 'taste');
    expect(output).toBe('No step taste; there are dependencies, house, lint, generated.\n');
    expect(code).toBe(1);
  });

  describe('lint', () => {
    const FAULTS = [
      { rule: 'noExplicitAny', text: `export const x: any = 1;\n`, line: 1 },
      { rule: 'noConsole', text: `export const x = 1;\nconsole.log(x);\n`, line: 2 },
      { rule: 'noUnusedImports', text: `import { join } from 'node:path';\n\nexport const x = 1;\n`, line: 1 },
      { rule: 'noNonNullAssertion', text: `export const x = (y: string | undefined) => y!.length;\n`, line: 1 },
      { rule: 'useNodejsImportProtocol', text: `export { join } from 'path';\n`, line: 1 },
      { rule: 'noTsIgnore', text: `// @ts-ignore\nexport const x: string = 1;\n`, line: 1 },
      {
        rule: 'noFloatingPromises',
        text: `async function later(): Promise<void> {}\n\nexport function now(): void {\n  later();\n}\n`,
        line: 4,
      },
      {
        rule: 'noExcessiveCognitiveComplexity',
        text: `export function deep(a: boolean): number {\n${'  if (a) while (a) for (;;) if (a) break;\n'.repeat(4)}  return 1;\n}\n`,
        line: 1,
      },
      { rule: 'organizeImports', text: `export { b } from './b.js';\nexport { a } from './a.js';\n`, line: 1 },
    ];

    it('names file, line and rule of each fault', () => {
      tree = lintTree(Object.fromEntries(FAULTS.map(({ rule, text }) => [`libs/a/src/${rule}.ts`, text])));
      const { code, output } = tree.run('main.ts', 'lint');
      const found = [...output.matchAll(/libs\/a\/src\/(\w+)\.ts:(\d+):\d+ (?:lint|assist)\/\w+\/(\w+)/g)];
      const places = found.map(([, file, line, rule]) => `${file}:${line} ${rule}`);
      expect(places.sort()).toEqual(FAULTS.map(({ rule, line }) => `${rule}:${line} ${rule}`).sort());
      expect(code).toBe(1);
    });

    it('reports source and JSON that are not formatted', () => {
      tree = lintTree({ 'libs/a/src/index.ts': `export const x = "1"\n`, 'libs/a/a.json': `{"a":   1}\n` });
      const { code, output } = tree.run('main.ts', 'lint');
      expect(output).toContain('libs/a/src/index.ts format');
      expect(output).toContain('libs/a/a.json format');
      expect(code).toBe(1);
    });

    it('leaves alone what is generated, built or installed', () => {
      const text = `export const x: any = "1"\n`;
      tree = lintTree({
        'libs/a/src/index.ts': CLEAN,
        'libs/a/src/routes.generated.ts': text,
        'dist/a.js': text,
        'node_modules/a/a.js': text,
        'package-lock.json': '{"a":   1}',
        'docs/openapi.json': '{"a":   1}',
      });
      expect(tree.run('main.ts', 'lint')).toMatchObject({ code: 0 });
    });

    it('does not ask for `import type` where Nest needs the class to inject it', () => {
      tree = lintTree({
        'libs/a/src/mail.service.ts':
          `import { Inject, Injectable } from '@nestjs/common';\nimport { Clock } from './clock.js';\n\n` +
          `@Injectable()\nexport class MailService {\n  constructor(\n    private readonly clock: Clock,\n` +
          `    @Inject('URL') private readonly url: string,\n  ) {}\n\n  sent(): string {\n` +
          `    return this.url.concat(this.clock.now());\n  }\n}\n`,
      });
      const { code, output } = tree.run('main.ts', 'lint');
      expect(output).toMatch(/^ok {3}lint/);
      expect(code).toBe(0);
    });

    it('lets tools print and specs assert that a value is there', () => {
      tree = lintTree({
        'tools/print.ts': `console.log(1);\n`,
        'libs/a/src/a.spec.ts': `export const x = (y: string | undefined) => y!.length;\n`,
      });
      expect(tree.run('main.ts', 'lint')).toMatchObject({ code: 0 });
    });
  });
});
