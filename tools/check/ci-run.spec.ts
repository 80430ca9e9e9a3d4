import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type FixtureTree, fixtureTree } from './fixture-tree.ts';

const HOME = path.resolve(import.meta.dirname, '../..');

/** A stage that leaves the counts of one Jest run behind and exits with `code`. */
function stage(file: string, passed: number, failed: number, code: number): Record<string, string> {
  const counts = JSON.stringify({ passed, failed, interrupted: false });
  return {
    [file]:
      `import { writeFileSync } from 'node:fs';\n` +
      `if (process.env.CI !== 'true') process.exit(9);\n` +
      `if (${passed + failed} > 0) writeFileSync(process.env.NEXUS_TEST_RESULTS + '/jest-${file}.json', '${counts}');\n` +
      `process.exit(${code});\n`,
  };
}

describe('.ci/run', () => {
  let tree: FixtureTree;
  afterEach(() => tree.remove());

  function run(files: Record<string, string>): { code: number | null; lines: string[]; leftBehind: string[] } {
    tree = fixtureTree({
      'package.json': JSON.stringify({ scripts: { test: 'node test.mjs', verify: 'node verify.mjs' } }),
      ...files,
    });
    mkdirSync(path.join(tree.root, 'tools/check'), { recursive: true });
    mkdirSync(path.join(tree.root, 'temporary'));
    cpSync(path.join(HOME, '.ci/run'), path.join(tree.root, '.ci/run'));
    cpSync(path.join(HOME, 'tools/check/sum-results.mjs'), path.join(tree.root, 'tools/check/sum-results.mjs'));
    chmodSync(path.join(tree.root, '.ci/run'), 0o755);
    const env: NodeJS.ProcessEnv = { ...process.env, TMPDIR: path.join(tree.root, 'temporary') };
    delete env.CI;
    const { status, stdout } = spawnSync(path.join(tree.root, '.ci/run'), { env, encoding: 'utf8', timeout: 60_000 });
    const leftBehind = readdirSync(path.join(tree.root, 'temporary'));
    return { code: status, lines: stdout.trimEnd().split('\n'), leftBehind };
  }

  it('ends with the sum of both stages, alone on the last line', () => {
    const { code, lines, leftBehind } = run({ ...stage('test.mjs', 7, 0, 0), ...stage('verify.mjs', 2, 0, 0) });
    expect(lines.at(-1)).toBe('9 passed, 0 failed');
    expect(lines).toContainEqual(expect.stringMatching(/^==> npm test passed in \d+ s$/));
    expect(lines).toContainEqual(expect.stringMatching(/^==> npm run verify passed in \d+ s$/));
    // npm keeps a compile cache there; the folder of counts must be gone.
    expect(leftBehind.filter((name) => name !== 'node-compile-cache')).toEqual([]);
    expect(code).toBe(0);
  });

  it('ends with the failed tests and does not go on to the second stage', () => {
    const { code, lines } = run({ ...stage('test.mjs', 7, 1, 1), ...stage('verify.mjs', 2, 0, 0) });
    expect(lines.at(-1)).toBe('7 passed, 1 failed');
    expect(lines.join('\n')).not.toContain('npm run verify');
    expect(code).toBe(1);
  });

  it('gives no count when a stage failed and no test did', () => {
    const { code, lines } = run({ ...stage('test.mjs', 7, 0, 0), ...stage('verify.mjs', 2, 0, 1) });
    expect(lines.at(-1)).toMatch(/^==> npm run verify failed with exit code 1 after \d+ s$/);
    expect(code).toBe(1);
  });

  it('fails when no test ran', () => {
    const { code, lines } = run({ ...stage('test.mjs', 0, 0, 0), ...stage('verify.mjs', 0, 0, 0) });
    expect(lines.join('\n')).not.toMatch(/\d+ passed, \d+ failed/);
    expect(code).toBe(1);
  });
});
