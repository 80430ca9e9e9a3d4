import { describe, expect, test } from '@jest/globals';
import { runSteps, type Step, summary } from './run-steps.ts';

function recorder() {
  const ran: string[] = [];
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
    run: async () => {
      ran.push(name);
      throw new Error(`${name} broke`);
    },
  });
  return { ran, step, failing };
}

describe('the steps', () => {
  test('run in order', async () => {
    const { ran, step } = recorder();
    const steps = [step('one'), step('two')];
    const outcomes = await runSteps(steps, () => undefined);
    expect(ran).toEqual(['one', 'two']);
    expect(outcomes.map(({ result }) => result)).toEqual(['ok', 'ok']);
    expect(summary(steps, outcomes)).toMatch(/all 2 steps passed in \d+\.\d s$/);
  });

  test('end at the first that fails, but for those that clean up', async () => {
    const { ran, step, failing } = recorder();
    const steps = [step('one'), failing('two'), step('three'), step('four', { always: true })];
    const outcomes = await runSteps(steps, () => undefined);
    expect(ran).toEqual(['one', 'two', 'four']);
    expect(outcomes.map(({ result }) => result)).toEqual(['ok', 'FAIL', 'not run', 'ok']);
    const text = summary(steps, outcomes);
    expect(text).toContain('two broke');
    expect(text).toContain('not run three');
    expect(text).toMatch(/failed: two in /);
  });

  test('fail when only the cleaning up does', async () => {
    const { step, failing } = recorder();
    const steps = [step('one'), failing('two', { always: true })];
    expect(summary(steps, await runSteps(steps, () => undefined))).toMatch(/failed: two in /);
  });
});
