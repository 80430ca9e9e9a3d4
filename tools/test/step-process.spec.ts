import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { describe, expect, test } from '@jest/globals';
import { familyOf, stillRunning } from './process-tree.ts';
import { endAll, runNode } from './step-process.ts';

/** A child that starts another, tells its number, and stays. */
const family = (inner: string): string => `
  const { spawn } = require('node:child_process');
  const inner = spawn(process.execPath, ['-e', ${JSON.stringify(inner)}], { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  inner.stdout.once('data', () => console.log(inner.pid));
  setInterval(() => undefined, 1000);
`;
const STAYS = `console.log('up'); setInterval(() => undefined, 1000);`;

function start() {
  const lines: string[] = [];
  const told = new AbortController();
  let heard: () => void = () => undefined;
  const line = new Promise<void>((resolve) => {
    heard = resolve;
  });
  const print = (text: string): void => {
    lines.push(text);
    heard();
  };
  const run = (script: string, env?: Record<string, string>) =>
    runNode(['-e', script], { cwd: tmpdir(), ...(env ? { env } : {}) }, { signal: told.signal, print });
  return { lines, line, told, run };
}

describe('a process of a step', () => {
  test('shows what it says line by line, to its last word', async () => {
    const { lines, run } = start();
    await run(`process.stdout.write('one\\ntwo'); process.stderr.write(process.env.THREE + '\\n')`, { THREE: 'three' });
    expect(lines.sort()).toEqual(['one', 'three', 'two']);
  });

  test('fails when it does not end with code 0', async () => {
    await expect(start().run('process.exitCode = 3')).rejects.toThrow(/ended with code 3$/);
    await expect(start().run(`process.kill(process.pid, 'SIGKILL')`)).rejects.toThrow(/ended with SIGKILL$/);
  });

  test('ends with all that it has started when it is told to', async () => {
    const { lines, line, told, run } = start();
    const work = run(family(STAYS));
    await line;
    const [inner] = familyOf(Number(lines[0]));
    expect(inner).toBeDefined();
    told.abort();
    await expect(work).rejects.toThrow(/ended with SIGTERM$/);
    expect(inner && stillRunning([inner])).toEqual([]);
  });

  test('is not started when it is too late', async () => {
    const { lines, told, run } = start();
    told.abort();
    await expect(run(`console.log('here')`)).rejects.toThrow();
    expect(lines).toEqual([]);
  });
});

test('what does not end when it is asked is ended by force', async () => {
  const child = spawn(process.execPath, ['-e', family(`process.on('SIGTERM', () => undefined); ${STAYS}`)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  const all = familyOf(child.pid ?? 0);
  expect(all).toHaveLength(2);
  await endAll(all, 200);
  expect(stillRunning(all)).toEqual([]);
});
