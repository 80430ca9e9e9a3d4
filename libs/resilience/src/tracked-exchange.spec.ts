import { Readable } from 'node:stream';
import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { Dispatcher } from 'undici';
import { ServicePoolError } from './service-pool-error.js';
import { TrackedExchange } from './tracked-exchange.js';
import type { UpstreamAddress } from './upstream-address.js';

const RESET = Object.assign(new Error('other side closed'), { code: 'UND_ERR_SOCKET' });
const REFUSED = new ServicePoolError('UPSTREAM_CONNECT', 'refused');

/** The part of undici's controller that matters here. */
class Controller {
  aborted = false;
  paused = false;
  reason: Error | null = null;
  abort(reason: Error): void {
    this.aborted = true;
    this.reason = reason;
  }
  pause(): void {}
  resume(): void {}
}

const owner = { again: jest.fn(), finished: jest.fn(), mayReplay: () => true, mayRepeat: () => true };
const address = { inFlight: 1, succeeded: jest.fn(), failed: jest.fn(), unreachable: jest.fn(), leaving: jest.fn() };
const handler = { onRequestStart: jest.fn(), onResponseError: jest.fn() };
beforeEach(() => {
  jest.resetAllMocks();
  address.inFlight = 1;
});

function begin(options: Partial<Dispatcher.DispatchOptions> = {}): TrackedExchange {
  const exchange = new TrackedExchange(owner, { path: '/', method: 'GET', ...options }, handler);
  exchange.target = address as unknown as UpstreamAddress;
  return exchange;
}

/** @returns whether it went again */
async function breakOff(exchange: TrackedExchange, controller: Controller | null, error: Error): Promise<boolean> {
  const { length } = owner.again.mock.calls;
  exchange.onResponseError(controller, error);
  await Promise.resolve();
  exchange.target = address as unknown as UpstreamAddress;
  return owner.again.mock.calls.length > length;
}

describe('TrackedExchange', () => {
  test('does not lose what was asked of the controller of an attempt that is over', async () => {
    const exchange = begin();
    const [first, second] = [new Controller(), new Controller()];
    exchange.onRequestStart(first, null);
    expect(await breakOff(exchange, first, RESET)).toBe(true);
    first.abort(new Error('the client is gone'));
    exchange.onRequestStart(second, null);
    expect(second.reason?.message).toBe('the client is gone');
    expect(handler.onRequestStart).toHaveBeenCalledTimes(1);
  });

  test('goes to two more addresses for a connection, and once more after a reset', async () => {
    const exchange = begin({ method: 'POST', body: 'text' });
    expect(await breakOff(exchange, null, REFUSED)).toBe(true);
    expect(await breakOff(exchange, null, REFUSED)).toBe(true);
    expect(await breakOff(exchange, null, REFUSED)).toBe(false);
    expect(handler.onResponseError).toHaveBeenCalledWith(null, REFUSED);
    expect(address.unreachable).toHaveBeenCalledTimes(3);
    expect(address.failed).not.toHaveBeenCalled();
    expect(owner.finished).toHaveBeenCalledTimes(1);
  });

  test.each([
    ['GET', undefined, true],
    ['PUT', 'text', true],
    ['DELETE', Buffer.from('x'), true],
    ['POST', 'text', false],
    ['PATCH', undefined, false],
  ] as const)('after a reset, sends %s with %p again: %p', async (method, body, expected) => {
    const exchange = begin({ method, body });
    const controller = new Controller();
    exchange.onRequestStart(controller, null);
    expect(await breakOff(exchange, controller, RESET)).toBe(expected);
    expect(address.failed).toHaveBeenCalledTimes(1);
  });

  test('believes the sender about idempotence', async () => {
    expect(await breakOff(begin({ method: 'POST', idempotent: true }), new Controller(), RESET)).toBe(true);
    expect(await breakOff(begin({ method: 'GET', idempotent: false }), new Controller(), RESET)).toBe(false);
  });

  test('sends no body again that was begun', async () => {
    const fresh = Readable.from(['a']);
    expect(await breakOff(begin({ method: 'POST', body: fresh }), null, REFUSED)).toBe(true);
    fresh.read();
    expect(await breakOff(begin({ method: 'POST', body: fresh }), null, REFUSED)).toBe(false);
    const destroyed = Readable.from(['a']).destroy();
    expect(await breakOff(begin({ method: 'PUT', body: destroyed }), null, REFUSED)).toBe(false);
  });

  test('sends nothing again after a byte of the answer', async () => {
    const exchange = begin();
    exchange.onResponseStarted();
    expect(await breakOff(exchange, new Controller(), RESET)).toBe(false);
  });

  test('sends nothing again that was called off, and blames nobody', async () => {
    const controller = new Controller();
    controller.abort(RESET);
    expect(await breakOff(begin(), controller, RESET)).toBe(false);
    expect(address.failed).not.toHaveBeenCalled();
    expect(address.inFlight).toBe(0);
  });

  test.each([
    [200, 'succeeded'],
    [404, 'succeeded'],
    [500, 'succeeded'],
    [502, 'failed'],
    [503, 'failed'],
    [504, 'failed'],
  ] as const)('takes %p for %s', (status, outcome) => {
    const exchange = begin();
    exchange.onResponseStart(new Controller(), 103, {});
    exchange.onResponseStart(new Controller(), status, {});
    exchange.onResponseEnd(new Controller(), {});
    expect(address[outcome]).toHaveBeenCalledTimes(1);
    expect(owner.finished).toHaveBeenCalledTimes(1);
    expect(address.inFlight).toBe(0);
  });

  test.each([
    ['GET', 200, { connection: 'close' }, 1],
    ['GET', 200, { connection: 'keep-alive' }, 0],
    ['GET', 413, { connection: 'close' }, 0],
    ['HEAD', 200, { connection: 'close' }, 0],
  ] as const)('%s answered with %p and %j: takes leave %p times', (method, status, headers, times) => {
    begin({ method }).onResponseStart(new Controller(), status, headers);
    expect(address.leaving).toHaveBeenCalledTimes(times);
  });
});
