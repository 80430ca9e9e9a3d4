/**
 * Sums the counts that tools/check/jest-summary.mjs left in a folder and prints them as the last line, alone:
 * `N passed, N failed`. Exits 1 when a test failed or none ran. Runs on any Node from 20, without packages.
 *
 *   node tools/check/sum-results.mjs <folder> [--incomplete]
 *
 * `--incomplete` says that a stage broke off: without a failed test the sum would read as a success, so it is not printed.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const [folder, flag] = process.argv.slice(2);
if (!folder) {
  console.error('usage: node tools/check/sum-results.mjs <folder> [--incomplete]');
  process.exit(2);
}

const runs = readdirSync(folder)
  .filter((name) => /^jest-.*\.json$/.test(name))
  .map((name) => JSON.parse(readFileSync(path.join(folder, name), 'utf8')));
const passed = runs.reduce((sum, run) => sum + run.passed, 0);
const failed = runs.reduce((sum, run) => sum + run.failed, 0);
const incomplete = flag === '--incomplete' || runs.some((run) => run.interrupted);

if (passed + failed === 0) console.error('No test ran.');
else if (incomplete && failed === 0) console.error(`Broken off after ${passed} tests; see above for what failed.`);
else console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 || incomplete ? 1 : 0;
