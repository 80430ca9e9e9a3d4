import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { type Sample, sample, verdicts } from './samples.js';

const at = (seconds: number, rss: number): Sample => ({
  at: seconds,
  rss,
  heap: 80,
  external: 10,
  descriptors: 40,
  timers: 12,
});
const flat = Array.from({ length: 40 }, (_, i) => at(i, 200 + (i % 3)));
const missed = (found: ReturnType<typeof verdicts>) => found.filter(({ met }) => !met).map(({ name }) => name);

describe('a soak', () => {
  test('finds nothing where nothing grows', () => {
    expect(missed(verdicts(flat, at(0, 150), at(50, 200), 0))).toEqual([]);
  });

  test('finds memory that grows all the time, and not what a process takes at first', () => {
    const leak = flat.map((one, i) => ({ ...one, rss: 200 + 2 * i, heap: 80 + 2 * i }));
    expect(missed(verdicts(leak, at(0, 150), at(50, 200), 0))).toEqual(['rss', 'heap']);
    const warm = flat.map((one, i) => ({ ...one, rss: i < 10 ? 150 + 10 * i : 250 }));
    expect(missed(verdicts(warm, at(0, 150), at(50, 200), 0))).toEqual([]);
  });

  test('finds sockets and timers that stay', () => {
    const after = { ...at(50, 200), descriptors: 51, timers: 13 };
    expect(missed(verdicts(flat, at(0, 150), after, 10))).toEqual(['descriptors']);
    expect(missed(verdicts(flat, at(0, 150), after, 0))).toEqual(['descriptors', 'timers']);
  });

  test('reads what a process says', async () => {
    const text = [
      'process_resident_memory_bytes 209715200',
      'nodejs_heap_size_used_bytes 104857600',
      'nodejs_external_memory_bytes 10485760',
      'process_open_fds 42',
      'nodejs_active_resources{type="TCPSocketWrap"} 7',
      'nodejs_active_resources{type="Timeout"} 9',
    ].join('\n');
    const server = createServer((_, response) => response.end(text));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    expect(await sample(`http://127.0.0.1:${port}`, 3)).toEqual({
      at: 3,
      rss: 200,
      heap: 100,
      external: 10,
      descriptors: 42,
      timers: 9,
    });
    await new Promise((resolve) => server.close(resolve));
  });
});
