/**
 * A Jest reporter that tells the counts of a run on one plain line and, when NEXUS_TEST_RESULTS names a folder, leaves
 * them there as JSON for tools/check/sum-results.mjs. A suite that cannot be loaded counts as one failed test: its own
 * tests are not known, and it must not vanish from the sum.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export default class JestSummary {
  /**
   * @param {unknown} _contexts
   * @param {import('@jest/reporters').AggregatedResult} results
   */
  onRunComplete(_contexts, results) {
    const counts = {
      passed: results.numPassedTests,
      failed: results.numFailedTests + results.numRuntimeErrorTestSuites,
      skipped: results.numPendingTests + results.numTodoTests,
      suites: results.numTotalTestSuites,
      seconds: (Date.now() - results.startTime) / 1000,
      interrupted: results.wasInterrupted === true,
    };
    process.stdout.write(
      `Tests: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped ` +
        `in ${counts.suites} suites, ${counts.seconds.toFixed(1)} s\n`,
    );
    const folder = process.env.NEXUS_TEST_RESULTS;
    if (!folder) return;
    mkdirSync(folder, { recursive: true });
    const file = path.join(folder, `jest-${process.pid}-${Date.now()}.json`);
    writeFileSync(file, `${JSON.stringify(counts)}\n`);
  }
}
