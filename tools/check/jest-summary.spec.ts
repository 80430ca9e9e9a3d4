import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

const HOME = path.resolve(import.meta.dirname, '../..');
const JEST_CONFIG = JSON.stringify({
  testRegex: '\\.probe\\.js$',
  transform: {},
  reporters: [path.join(import.meta.dirname, 'jest-summary.mjs')],
});

describe('the closing count', () => {
  let results: string;
  let suites: string;

  beforeEach(() => {
    results = mkdtempSync(path.join(tmpdir(), 'nexus-results-'));
    suites = mkdtempSync(path.join(tmpdir(), 'nexus-suites-'));
    writeFileSync(path.join(suites, 'package.json'), '{}');
  });

  afterEach(() => {
    for (const folder of [results, suites]) rmSync(folder, { recursive: true, force: true });
  });

  function runJest(probes: Record<string, string>): { code: number | null; output: string } {
    for (const [name, text] of Object.entries(probes)) writeFileSync(path.join(suites, `${name}.probe.js`), text);
    const { status, stdout } = spawnSync(
      process.execPath,
      [path.join(HOME, 'node_modules/jest/bin/jest.js'), '--config', JEST_CONFIG, '--rootDir', suites, '--ci'],
      { cwd: suites, encoding: 'utf8', env: { ...process.env, NEXUS_TEST_RESULTS: results }, timeout: 60_000 },
    );
    return { code: status, output: stdout };
  }

  function sum(...flags: string[]): { code: number | null; stdout: string; stderr: string } {
    const script = path.join(import.meta.dirname, 'sum-results.mjs');
    const { status, stdout, stderr } = spawnSync(process.execPath, [script, results, ...flags], { encoding: 'utf8' });
    return { code: status, stdout, stderr };
  }

  it('adds up several runs', () => {
    const first = runJest({ a: `test('1', () => {}); test('2', () => {}); test.skip('3', () => {});` });
    expect(first.output).toMatch(/^Tests: 2 passed, 0 failed, 1 skipped in 1 suites, \d+\.\d s$/m);
    // The first suite is still there and runs again.
    runJest({ b: `test('4', () => {});` });
    expect(sum()).toEqual({ code: 0, stdout: '5 passed, 0 failed\n', stderr: '' });
  });

  it('counts failed tests and suites that cannot be loaded', () => {
    const { output, code } = runJest({
      a: `test('1', () => {}); test('2', () => { throw new Error('no'); });`,
      b: `require('./nowhere.js');`,
    });
    expect(output).toMatch(/^Tests: 1 passed, 2 failed, 0 skipped in 2 suites/m);
    expect(code).toBe(1);
    expect(sum()).toMatchObject({ code: 1, stdout: '1 passed, 2 failed\n' });
  });

  it('fails without a count when no test ran', () => {
    expect(sum()).toEqual({ code: 1, stdout: '', stderr: 'No test ran.\n' });
    runJest({ a: `test.skip('1', () => {});` });
    expect(sum()).toEqual({ code: 1, stdout: '', stderr: 'No test ran.\n' });
  });

  it('gives no count that reads as a success when a stage broke off', () => {
    runJest({ a: `test('1', () => {});` });
    const { code, stdout, stderr } = sum('--incomplete');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('Broken off after 1 tests');
  });
});
