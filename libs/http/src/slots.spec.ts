import { describe, expect, test } from '@jest/globals';
import { Slots } from './slots.js';

const never = new AbortController().signal;
const tick = () => new Promise((resolve) => setImmediate(resolve));

describe('slots', () => {
  test('run so many at once, in the order they came, and none is lost', async () => {
    const slots = new Slots(3);
    let running = 0;
    let most = 0;
    const order: number[] = [];
    await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        slots.run(never, async () => {
          order.push(i);
          most = Math.max(most, ++running);
          await tick();
          running--;
        }),
      ),
    );
    expect(most).toBe(3);
    expect(order).toEqual(Array.from({ length: 50 }, (_, i) => i));
  });

  test('a failure frees its slot, and who stops waiting takes none', async () => {
    const slots = new Slots(1);
    let finish: () => void = () => undefined;
    const held = slots.run(never, () => new Promise<void>((resolve) => (finish = resolve)));
    const patience = new AbortController();
    const impatient = slots.run(patience.signal, async () => 'never');
    const failing = slots.run(never, async () => {
      throw new Error('no');
    });
    patience.abort();
    await expect(impatient).rejects.toMatchObject({ status: 504 });
    finish();
    await held;
    await expect(failing).rejects.toThrow('no');
    expect(await slots.run(never, async () => 'free')).toBe('free');
    expect(slots.waiting).toBe(0);
  });
});
