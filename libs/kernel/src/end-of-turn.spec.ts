import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, expect, jest, test } from '@jest/globals';
import { atEndOfTurn } from './index.js';

afterEach(() => {
  jest.restoreAllMocks();
});

test('What a turn puts off runs at its end, in order, after what its promises still do', async () => {
  const order: string[] = [];
  atEndOfTurn(() => order.push('first'));
  await Promise.resolve().then(() => order.push('work'));
  atEndOfTurn(() => order.push('second'));
  expect(order).toEqual(['work']);
  await turn();
  expect(order).toEqual(['work', 'first', 'second']);
});

test('What is put off at the end of a turn runs at the end of the next one', async () => {
  const order: string[] = [];
  atEndOfTurn(() => {
    order.push('first');
    atEndOfTurn(() => order.push('third'));
  });
  atEndOfTurn(() => order.push('second'));
  await turn();
  expect(order).toEqual(['first', 'second']);
  await turn();
  expect(order).toEqual(['first', 'second', 'third']);
});

test('A fault in one keeps none of the others from running, and is not swallowed', async () => {
  const thrown: (() => void)[] = [];
  jest.spyOn(globalThis, 'queueMicrotask').mockImplementation((task) => void thrown.push(task));
  const order: string[] = [];
  atEndOfTurn(() => {
    throw new Error('a fault');
  });
  atEndOfTurn(() => order.push('second'));
  await turn();
  expect(order).toEqual(['second']);
  expect(thrown).toHaveLength(1);
  expect(thrown[0]).toThrow('a fault');
});
