import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Below the ports that systems give to outgoing connections and to `listen(0)` (Linux from 32768, macOS and Windows from
 * 49152): one of those would take a port between our look and the start of the server it is for.
 */
const FIRST = 10_240;
/** Enough for a fleet of twelve processes with seven ports each. */
const SLICE = 128;
const SLICES = Math.floor((32_768 - FIRST) / SLICE);

/** Each process looks in a slice of its own, so that two that look at the same time do not find the same port. */
const slice = FIRST + (process.pid % SLICES) * SLICE;
let next = randomInt(SLICE);

function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  return new Promise((resolve) => {
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

/**
 * The first of so many ports in a row that nobody listens on. A port comes back after a hundred others.
 * @throws Error when this process uses up all it may look at
 */
export async function freeRange(count: number): Promise<number> {
  for (let tries = 0; tries < 2 * SLICE; tries += 1) {
    if (next + count > SLICE) next = 0;
    const first = slice + next;
    next += count;
    const free = await Promise.all(Array.from({ length: count }, (_, i) => isFree(first + i)));
    if (free.every(Boolean)) return first;
  }
  throw new Error(`no ${count} free ports in a row from ${slice} to ${slice + SLICE - 1}`);
}

/** Ports that nobody listens on, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = await freeRange(1);
    if (ports.includes(port)) throw new Error(`no ${count} free ports from ${slice} to ${slice + SLICE - 1}`);
    ports.push(port);
  }
  return ports;
}

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  return freeRange(1);
}
