import { EventEmitter } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import type { Exchange } from '@nexus/http';
import fc from 'fast-check';
import { ClientPace, type PaceLimit } from './client-pace.js';

const OFF: PaceLimit = { bytesPerSecond: 0, graceMs: 1_000 };
const LIMIT: PaceLimit = { bytesPerSecond: 100, graceMs: 5_000 };
const SWEEP_MS = 500;

/** An exchange of which a spec says what its connection has moved. */
class Client extends EventEmitter {
  complete = false;
  readableFlowing: boolean | null = true;
  readableLength = 0;
  paused = false;
  bytesRead = 1_000;
  writableLength = 0;
  _bytesDispatched = 0;
  readonly _handle = { writeQueueSize: 0 };
  headersSent = false;
  writableEnded = false;
  cancelled = false;
  reset = false;
  destroyed = false;
  written: { status: number; headers: string[] } | undefined;

  get exchange(): Exchange {
    const client = this;
    const response = {
      get headersSent() {
        return client.headersSent;
      },
      get writableEnded() {
        return client.writableEnded;
      },
      destroyed: false,
      writeHead: (status: number, headers: string[]) => {
        client.written = { status, headers };
        client.headersSent = true;
      },
      end: () => {
        client.writableEnded = true;
      },
    };
    this.known ??= {
      request: Object.assign(this, { headers: {}, socket: this }),
      response,
      id: 'id',
      headers: [],
      defaults: { headers: [], closing: false },
      close: false,
      cancel: () => {
        client.cancelled = true;
      },
    } as unknown as Exchange;
    return this.known;
  }
  private known: Exchange | undefined;

  isPaused(): boolean {
    return this.paused;
  }

  destroy(): void {
    this.destroyed = true;
  }

  resetAndDestroy(): void {
    this.reset = true;
  }

  get isOver(): boolean {
    return this.reset || this.written !== undefined;
  }
}

/** Sweeps until the client is cut off, or for so long; gives the ms that it took. */
function last(pace: ClientPace, client: Client, ms: number, each: (now: number) => void = () => {}): number {
  for (let now = 0; now <= ms; now += SWEEP_MS) {
    each(now);
    pace.sweep([client.exchange], now);
    if (client.isOver) return now;
  }
  return Number.POSITIVE_INFINITY;
}

const bodies = (limit = LIMIT) => new ClientPace({ bodies: limit, answers: OFF });
const answers = (limit = LIMIT) => new ClientPace({ bodies: OFF, answers: limit });

describe('a body', () => {
  test('that does not come is answered with 408 after the grace, and its connection ends', () => {
    const client = new Client();
    const pace = bodies();
    expect(last(pace, client, 60_000)).toBe(5_000);
    expect(client.written?.status).toBe(408);
    expect(client.written?.headers.join()).toContain('Connection,close');
    expect([client.cancelled, client.reset, pace.ended]).toEqual([true, false, { body: 1, answer: 0 }]);
    // Its reader hears of the end.
    client.emit('close');
    expect(client.destroyed).toBe(true);
  });

  test('that does not come under an answer that has begun ends with its connection', () => {
    const client = new Client();
    client.headersSent = true;
    expect(last(bodies(), client, 60_000)).toBe(5_000);
    expect([client.reset, client.written]).toEqual([true, undefined]);
  });

  test('is ended when its bytes are too few, and left alone when they are enough', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 400 }), (perSecond) => {
        const client = new Client();
        const took = last(bodies(), client, 100_000, () => {
          client.bytesRead += perSecond / 2;
        });
        // Of each second it has five at first, it loses the share that is missing.
        const sweeps = perSecond >= 100 ? Number.POSITIVE_INFINITY : Math.ceil(1_000 / (100 - perSecond));
        expect(took).toBe(sweeps > 200 ? Number.POSITIVE_INFINITY : sweeps * SWEEP_MS);
      }),
    );
  });

  test('that came fast may be slow again for a minute, however fast it was', () => {
    for (const burst of [6_000, 60_000_000]) {
      const client = new Client();
      const took = last(bodies(), client, 600_000, (now) => {
        if (now === 500) client.bytesRead += burst;
      });
      expect(took).toBeGreaterThanOrEqual(60_000);
      expect(took).toBeLessThanOrEqual(61_000);
    }
  });

  const ours: [string, (client: Client) => void][] = [
    ['nobody has asked for', (client) => Object.assign(client, { readableFlowing: null })],
    ['is held up by its reader', (client) => Object.assign(client, { readableFlowing: false })],
    ['waits for room in our memory', (client) => Object.assign(client, { paused: true })],
    [
      'has bytes that its reader has not taken',
      (client) => {
        Object.assign(client, { readableFlowing: false, readableLength: 1 });
        client.on('readable', () => undefined);
      },
    ],
    ['nobody needs after the answer', (client) => Object.assign(client, { headersSent: true, writableEnded: true })],
    ['is whole', (client) => Object.assign(client, { complete: true })],
  ];
  test.each(ours)('that %s is not waited for', (_name, set) => {
    const client = new Client();
    set(client);
    expect(last(bodies(), client, 600_000)).toBe(Number.POSITIVE_INFINITY);
  });

  test('is waited for by a reader that asks chunk by chunk', () => {
    const client = new Client();
    client.readableFlowing = false;
    client.on('readable', () => undefined);
    expect(last(bodies(), client, 60_000)).toBe(5_000);
  });

  test('loses only the time in which it was waited for', () => {
    const client = new Client();
    // Nine of ten seconds somebody here is busy.
    const took = last(bodies(), client, 600_000, (now) => {
      client.readableFlowing = Math.floor(now / 1_000) % 10 === 0;
    });
    expect(took).toBeGreaterThan(35_000);
    expect(took).toBeLessThan(60_000);
  });

  test('loses nothing of the time in which this process was busy', () => {
    const client = new Client();
    const pace = bodies();
    pace.sweep([client.exchange], 0);
    for (let now = 600_000; now <= 602_000; now += SWEEP_MS) pace.sweep([client.exchange], now);
    expect(client.isOver).toBe(false);
  });

  test('may be as slow as it likes where there is no limit', () => {
    expect(last(bodies(OFF), new Client(), 600_000)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('an answer', () => {
  /** A client for which `backlog` bytes wait. */
  function reader(backlog = 1_000_000): Client {
    const client = new Client();
    Object.assign(client, { complete: true, headersSent: true, writableLength: backlog, _bytesDispatched: backlog });
    client._handle.writeQueueSize = backlog;
    return client;
  }

  test('that is not taken ends with its connection, after the grace', () => {
    const client = reader();
    const pace = answers();
    expect(last(pace, client, 60_000)).toBe(5_000);
    expect([client.reset, client.written, pace.ended]).toEqual([true, undefined, { body: 0, answer: 1 }]);
  });

  test.each([
    [50, true],
    [150, false],
  ])('of one write, taken at %i bytes a second of 100: %j', (perSecond, ended) => {
    const client = reader();
    last(answers(), client, 60_000, () => {
      client._handle.writeQueueSize -= perSecond / 2;
    });
    expect(client.reset).toBe(ended);
  });

  test('of many writes, taken in time', () => {
    const client = reader(10_000);
    const took = last(answers(), client, 60_000, () => {
      client._bytesDispatched += 75;
    });
    expect(took).toBe(Number.POSITIVE_INFINITY);
  });

  test('that waits for nothing may be silent', () => {
    const client = reader(0);
    expect(last(answers(), client, 600_000)).toBe(Number.POSITIVE_INFINITY);
  });

  test('that is caught up with now and then loses only the time in which it waited', () => {
    const client = reader();
    const took = last(answers(), client, 60_000, (now) => {
      client.writableLength = Math.floor(now / 1_000) % 2;
    });
    expect(took).toBeGreaterThanOrEqual(9_000);
    expect(took).toBeLessThanOrEqual(11_000);
  });

  test('that is caught up with in time goes on', () => {
    const client = reader();
    const took = last(answers(), client, 600_000, (now) => {
      if (now % 4_000 === 0) client._bytesDispatched += 400;
      client.writableLength = now % 4_000 === 0 ? 0 : 1;
    });
    expect(took).toBe(Number.POSITIVE_INFINITY);
  });
});
