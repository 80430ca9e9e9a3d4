import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { type Outcome, runLanes, type Step, type StepContext, summary } from './run-steps.ts';

function recorder() {
  const ran: string[] = [];
  const printed: string[] = [];
  const step = (name: string, more: Partial<Step> = {}): Step => ({
    name,
    does: `does ${name}`,
    run: async () => {
      ran.push(name);
    },
    ...more,
  });
  const failing = (name: string, more: Partial<Step> = {}): Step => ({
    ...step(name, more),
    run: async ({ print }) => {
      ran.push(name);
      print(`${name} breaks`);
      throw new Error(`${name} broke`);
    },
  });
  /** Runs until it is ended, and then fails as an ended process does. */
  const endless = (name: string): Step => ({
    ...step(name),
    run: async ({ signal }: StepContext) => {
      ran.push(name);
      await sleep(60_000, undefined, { signal });
    },
  });
  return { ran, printed, step, failing, endless, print: (line: string) => void printed.push(line) };
}

const results = (outcomes: readonly Outcome[]) => outcomes.map(({ name, result }) => `${name} ${result}`);

describe('a lane', () => {
  test('runs its steps in order', async () => {
    const { ran, printed, step, print } = recorder();
    const outcomes = await runLanes([[step('one'), step('three')]], { print });
    expect(ran).toEqual(['one', 'three']);
    expect(results(outcomes)).toEqual(['one ok', 'three ok']);
    expect(printed).toEqual(['one   │ ── does one', 'one   │ ── ok', 'three │ ── does three', 'three │ ── ok']);
    expect(summary(outcomes, 1.23)).toMatch(/\ntest: all 2 steps passed in 1\.2 s$/);
  });

  test('ends at the first that fails, but for those that clean up', async () => {
    const { ran, step, failing, print } = recorder();
    const steps = [step('one'), failing('two'), step('three'), step('four', { always: true })];
    const outcomes = await runLanes([steps], { print });
    expect(ran).toEqual(['one', 'two', 'four']);
    expect(results(outcomes)).toEqual(['one ok', 'two FAIL', 'three not run', 'four ok']);
    const text = summary(outcomes, 1);
    expect(text).toMatch(/^── What two said last\ntwo breaks\n/);
    expect(text).toContain('two broke');
    expect(text).toContain('not run three');
    expect(text).toMatch(/failed: two in /);
  });

  test('fails when only the cleaning up does', async () => {
    const { step, failing, print } = recorder();
    const outcomes = await runLanes([[step('one'), failing('two', { always: true })]], { print });
    expect(summary(outcomes, 1)).toMatch(/failed: two in /);
  });
});

describe('lanes', () => {
  test('run side by side', async () => {
    const { printed, step, print } = recorder();
    let open: () => void = () => undefined;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const waiting = step('waits', { run: () => opened });
    const opening = step('opens', { run: async () => open() });
    const outcomes = await runLanes([[waiting], [opening]], { print });
    expect(results(outcomes)).toEqual(['waits ok', 'opens ok']);
    expect(printed.slice(0, 2)).toEqual(['waits │ ── does waits', 'opens │ ── does opens']);
  });

  test('end together when one fails, each cleaning up', async () => {
    const { ran, step, failing, endless, print } = recorder();
    const clean = step('clean', { always: true });
    const outcomes = await runLanes(
      [
        [step('one'), failing('two')],
        [endless('other'), step('next'), clean],
      ],
      { print },
    );
    expect(results(outcomes)).toEqual(['one ok', 'two FAIL', 'other ended', 'next not run', 'clean ok']);
    expect(ran).toEqual(['one', 'other', 'two', 'clean']);
    expect(summary(outcomes, 1)).toMatch(/failed: two in /);
  });

  test('end when they are told to, which is no success', async () => {
    const { step, endless, print } = recorder();
    const told = new AbortController();
    const run = runLanes(
      [
        [endless('one'), step('two')],
        [endless('three'), step('four', { always: true })],
      ],
      {
        print,
        signal: told.signal,
      },
    );
    told.abort();
    const outcomes = await run;
    expect(results(outcomes)).toEqual(['one ended', 'two not run', 'three ended', 'four ok']);
    expect(summary(outcomes, 1)).toMatch(/ended before it was done in /);
  });

  test('keep the end of what a step says, however much that is', async () => {
    const { step, print } = recorder();
    const talking = step('talks', {
      run: async (context) => {
        for (let n = 0; n < 10_000; n++) context.print(`line ${n}`);
      },
    });
    const [outcome] = await runLanes([[talking]], { print });
    expect(outcome?.said).toHaveLength(400);
    expect(outcome?.said.at(-1)).toBe('line 9999');
  });
});
