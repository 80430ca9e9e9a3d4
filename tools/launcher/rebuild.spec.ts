import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { jest } from '@jest/globals';
import { until } from '../postgres/processes.ts';
import { Rebuilder } from './rebuild.ts';
import { PATIENCE_MS } from './testing/launcher-run.ts';

jest.setTimeout(2 * PATIENCE_MS);

const BUILDER = `
const { copyFileSync, mkdirSync, readFileSync } = require('node:fs');
const { compilerOptions } = JSON.parse(readFileSync(process.argv[5], 'utf8'));
const out = compilerOptions.builder.options.outDir;
mkdirSync(out + '/apps', { recursive: true });
if (readFileSync('apps/main.ts', 'utf8').includes('broken')) {
  console.error('apps/main.ts:1 does not compile');
  process.exit(1);
}
copyFileSync('apps/main.ts', out + '/apps/main.js');
`;

let root: string;
let said: string;
let builds: string[];
let rebuilder: Rebuilder;
const path = (...parts: string[]): string => join(root, ...parts);
const built = (): string => readFileSync(path('dist', 'apps', 'main.js'), 'utf8');

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'nexus-rebuild-'));
  mkdirSync(path('apps'));
  mkdirSync(path('libs'));
  mkdirSync(path('node_modules', '@nestjs', 'cli', 'bin'), { recursive: true });
  writeFileSync(path('package.json'), '{}');
  writeFileSync(path('nest-cli.json'), JSON.stringify({ compilerOptions: { builder: { type: 'swc' } } }));
  writeFileSync(path('node_modules', '@nestjs', 'cli', 'bin', 'nest.js'), BUILDER);
  writeFileSync(path('apps', 'main.ts'), 'first');
  const errors = new PassThrough();
  said = '';
  builds = [];
  errors.on('data', (text) => {
    said += text;
  });
  rebuilder = new Rebuilder(root, errors as unknown as NodeJS.WritableStream, async () => {
    builds.push(built());
  });
  rebuilder.start();
});
afterEach(async () => {
  rebuilder.close();
  await rebuilder.idle();
  rmSync(root, { recursive: true, force: true });
});

async function expectBuilds(...contents: string[]): Promise<void> {
  await until(() => builds.length >= contents.length, PATIENCE_MS);
  expect(builds).toEqual(contents);
}

/** As most editors do it: a new file takes the place of the old one. */
function replace(name: string, content: string): void {
  writeFileSync(`${name}.new`, content);
  renameSync(`${name}.new`, name);
}

it('builds after each change, however the file was written', async () => {
  writeFileSync(path('apps', 'main.ts'), 'second');
  await expectBuilds('second');
  replace(path('apps', 'main.ts'), 'third');
  await expectBuilds('second', 'third');
  writeFileSync(path('apps', 'main.ts'), 'fourth');
  await expectBuilds('second', 'third', 'fourth');
});

it('sees files in folders that were made, or removed and made again', async () => {
  mkdirSync(path('libs', 'new', 'deep'), { recursive: true });
  writeFileSync(path('libs', 'new', 'deep', 'file.ts'), 'a');
  await expectBuilds('first');
  rmSync(path('libs', 'new'), { recursive: true });
  mkdirSync(path('libs', 'new', 'deep'), { recursive: true });
  writeFileSync(path('libs', 'new', 'deep', 'file.ts'), 'b');
  await expectBuilds('first', 'first');
  writeFileSync(path('libs', 'new', 'deep', 'file.ts'), 'c');
  await expectBuilds('first', 'first', 'first');
});

it('shows why a build failed, keeps what was built, and goes on', async () => {
  writeFileSync(path('apps', 'main.ts'), 'second');
  await expectBuilds('second');
  writeFileSync(path('apps', 'main.ts'), 'broken');
  expect(await until(() => said.includes('waiting for a change.'), PATIENCE_MS)).toBe(true);
  expect(said).toContain('apps/main.ts:1 does not compile');
  expect(said).toContain('The build failed');
  expect(built()).toBe('second');
  writeFileSync(path('apps', 'main.ts'), 'third');
  await expectBuilds('second', 'third');
});

it('does nothing for what is not built', async () => {
  writeFileSync(path('apps', 'main.spec.ts'), 'a test');
  writeFileSync(path('apps', 'main.ts'), 'first');
  writeFileSync(path('apps', 'main.ts'), 'second');
  await expectBuilds('second');
});
