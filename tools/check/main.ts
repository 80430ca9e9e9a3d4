/**
 * `npm run check`: everything about the source that can be judged without running it.
 * `node tools/check/main.ts [step…]` runs the named steps alone.
 */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { type Step, stepsFor } from './steps.ts';

/** A step that takes longer hangs. */
const STEP_TIMEOUT_MS = 300_000;

interface Outcome {
  readonly passed: boolean;
  readonly output: string;
}

function run(step: Step, cwd: string): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, step.command, {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: STEP_TIMEOUT_MS,
    });
    let output = '';
    const collect = (chunk: string): void => {
      output += chunk;
    };
    child.stdout.setEncoding('utf8').on('data', collect);
    child.stderr.setEncoding('utf8').on('data', collect);
    child.on('error', (error) => resolve({ passed: false, output: error.message }));
    child.on('close', (code, signal) => {
      resolve({ passed: code === 0, output: signal ? `${output}\nended by ${signal}` : output });
    });
  });
}

async function runAndPrint(step: Step, cwd: string): Promise<boolean> {
  const start = performance.now();
  const { passed, output } = await run(step, cwd);
  const seconds = ((performance.now() - start) / 1000).toFixed(1).padStart(6);
  console.log(`${passed ? 'ok  ' : 'FAIL'} ${step.name.padEnd(13)} ${seconds} s  ${step.does}`);
  if (!passed) console.log(`${output.trimEnd().replaceAll(/^/gm, '     ')}\n`);
  return passed;
}

/** Runs the steps on as many workers as there are cores; answers the names of those that failed. */
async function runAll(steps: readonly Step[], cwd: string): Promise<string[]> {
  const waiting = [...steps];
  const failed: string[] = [];
  const worker = async (): Promise<void> => {
    for (let step = waiting.shift(); step; step = waiting.shift()) {
      if (!(await runAndPrint(step, cwd))) failed.push(step.name);
    }
  };
  await Promise.all(Array.from({ length: Math.max(2, availableParallelism()) }, worker));
  return failed;
}

const home = path.resolve(import.meta.dirname, '../..');
const root = process.cwd();
const known = stepsFor(root, home);
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !known.some((step) => step.name === name));
if (unknown.length > 0) {
  console.error(`No step ${unknown.join(', ')}; there are ${known.map(({ name }) => name).join(', ')}.`);
  process.exit(1);
}

const start = performance.now();
const steps = wanted.length > 0 ? known.filter(({ name }) => wanted.includes(name)) : known;
const failed = await runAll(steps, root);
const seconds = ((performance.now() - start) / 1000).toFixed(1);
console.log(
  failed.length === 0
    ? `check: all ${steps.length} steps passed in ${seconds} s`
    : `check: ${failed.length} of ${steps.length} steps failed (${failed.join(', ')}) in ${seconds} s`,
);
process.exitCode = failed.length === 0 ? 0 : 1;
