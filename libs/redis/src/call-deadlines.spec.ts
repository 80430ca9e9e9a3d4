import { MessageChannel } from 'node:worker_threads';
import { describe, expect, test } from '@jest/globals';
import { eventually } from '@nexus/testing';
import { CallDeadlines, type DeadlineCall } from './call-deadlines.js';

class Call implements DeadlineCall {
  readonly startedAt = performance.now();
  done = false;
  lateAfterMs: number | undefined;

  late(): void {
    this.done = true;
    this.lateAfterMs = performance.now() - this.startedAt;
  }
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('a deadline', () => {
  test('ends what is not answered, and nothing else', async () => {
    const deadlines = new CallDeadlines(30);
    const calls = Array.from({ length: 3_000 }, () => new Call());
    for (const call of calls) deadlines.add(call);
    for (const [i, call] of calls.entries()) if (i % 3 !== 0) call.done = true;
    await eventually(() => calls.every(({ done }) => done), 'all calls are over');
    expect(calls.filter(({ lateAfterMs }) => lateAfterMs !== undefined)).toHaveLength(1_000);
    expect(Math.min(...calls.flatMap(({ lateAfterMs }) => lateAfterMs ?? []))).toBeGreaterThanOrEqual(29);
  });

  test('is its own for each, however they follow each other', async () => {
    const deadlines = new CallDeadlines(40);
    const calls: Call[] = [];
    for (let i = 0; i < 5; i += 1) {
      const call = new Call();
      calls.push(call);
      deadlines.add(call);
      await wait(15);
    }
    await eventually(() => calls.every(({ done }) => done), 'all calls are over');
    for (const { lateAfterMs } of calls) expect(lateAfterMs).toBeGreaterThanOrEqual(39);
    const again = new Call();
    deadlines.add(again);
    await eventually(() => again.done, 'the call is over');
    expect(again.lateAfterMs).toBeGreaterThanOrEqual(39);
  });

  test('does not count a pause of the process against an answer that lies there', async () => {
    const deadlines = new CallDeadlines(20);
    const call = new Call();
    deadlines.add(call);
    const { port1, port2 } = new MessageChannel();
    const answered = new Promise<void>((resolve) => {
      port2.once('message', () => {
        call.done = true;
        resolve();
      });
    });
    port1.postMessage('the answer');
    const end = performance.now() + 60;
    while (performance.now() < end);
    await answered;
    await wait(30);
    expect(call.lateAfterMs).toBeUndefined();
    port1.close();
  });
});
