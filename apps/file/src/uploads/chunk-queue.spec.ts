import { ChunkQueue } from './chunk-queue.js';

describe('ChunkQueue', () => {
  it('hands out what was pushed, in order, before and after it was asked for', async () => {
    let taken = 0;
    const queue = new ChunkQueue(() => taken++);
    queue.push(Buffer.from('a'));
    const got: string[] = [];
    const reading = (async () => {
      for await (const chunk of queue) got.push(chunk.toString());
    })();
    await new Promise((resolve) => setImmediate(resolve));
    queue.push(Buffer.from('b'));
    queue.push(Buffer.from('c'));
    expect(queue.bytes).toBe(2);
    queue.end();
    await reading;
    expect([got, taken, queue.bytes]).toEqual([['a', 'b', 'c'], 3, 0]);
  });

  it('tells of a fault at once, whatever waits, and to one who waits', async () => {
    const fault = new Error('gone');
    const queue = new ChunkQueue(() => undefined);
    queue.push(Buffer.from('a'));
    queue.fail(fault);
    queue.fail(new Error('later'));
    await expect(queue[Symbol.asyncIterator]().next()).rejects.toBe(fault);
    const empty = new ChunkQueue(() => undefined);
    const next = empty[Symbol.asyncIterator]().next();
    empty.fail(fault);
    await expect(next).rejects.toBe(fault);
  });

  it('forgets what nobody takes', () => {
    let taken = 0;
    const queue = new ChunkQueue(() => taken++);
    queue.push(Buffer.from('a'));
    queue.drop();
    queue.push(Buffer.from('b'));
    expect([queue.bytes, taken]).toEqual([0, 2]);
  });
});
