import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Server } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { freePort } from '../test/free-ports.ts';
import { Link } from './link.ts';
import { Part, type Running } from './part.ts';

const PATIENCE_MS = 5_000;
/** Of no process: signals to it go nowhere. */
const NO_PID = 2 ** 30;

let behind: Server;
let part: Stub;

/** A part without a process, which ends when its spec says so. */
class Stub extends Part {
  launches = 0;
  failures = 0;
  private finish: (how: string) => void = () => undefined;

  protected async launch(): Promise<Running> {
    this.launches += 1;
    if (this.failures > 0) {
      this.failures -= 1;
      throw new Error('It does not start');
    }
    const ended = new Promise<string>((resolve) => {
      this.finish = resolve;
    });
    const { port } = behind.address() as AddressInfo;
    return { pid: NO_PID, port, ended, terminate: () => this.finish('code 0') };
  }

  crash(): void {
    this.finish('SIGSEGV');
  }
}

async function isReached(): Promise<boolean> {
  const client = createConnection({ port: part.link.port, host: '127.0.0.1' });
  try {
    await once(client, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    client.destroy();
  }
}

async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + PATIENCE_MS;
  while (!condition()) {
    if (Date.now() > end) throw new Error('It does not come about');
    await new Promise((wake) => setTimeout(wake, 10));
  }
}

beforeEach(async () => {
  behind = createServer((socket) => socket.on('error', () => undefined));
  await once(behind.listen(0, '127.0.0.1'), 'listening');
  part = new Stub('stub', new Link(await freePort()));
});

afterEach(async () => {
  await part.stop();
  await once(behind.close(), 'close');
});

describe('a part', () => {
  test('is reached while it runs, and ends for good when it is stopped', async () => {
    expect(await isReached()).toBe(false);
    await part.start();
    expect(await isReached()).toBe(true);
    await part.stop();
    expect([await isReached(), part.launches, part.unexpected]).toEqual([false, 1, []]);
  });

  test('that is ended is away until its successor has started, however often that fails', async () => {
    await part.start();
    part.failures = 2;
    expect(await part.end('in order')).toBe('code 0');
    await part.running();
    expect([part.launches, await isReached(), part.unexpected]).toEqual([4, true, []]);
  });

  test('that ends by itself is started again, and that is said', async () => {
    await part.start();
    part.crash();
    await until(() => part.launches === 2);
    await part.running();
    expect(part.unexpected).toEqual(['SIGSEGV']);
  });

  test('that does not start the first time is not started', async () => {
    part.failures = 1;
    await expect(part.start()).rejects.toThrow('It does not start');
    expect(part.launches).toBe(1);
  });
});
