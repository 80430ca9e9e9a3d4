import { createServer, type ServerResponse } from 'node:http';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { OutOfTime } from '@nexus/resilience';
import { closeServer, listenSomewhere } from '@nexus/testing';
import type { Dispatcher } from 'undici';
import { type ForeignProtection, ForeignUpstream } from './foreign-upstream.js';

let asked = 0;
let respond: (response: ServerResponse) => void;
let url: string;
const upstreams: ForeignUpstream[] = [];
const server = createServer((incoming, response) => {
  asked += 1;
  incoming.resume().once('end', () => respond(response));
});

const cut = (response: ServerResponse) => void response.destroy();

beforeEach(async () => {
  asked = 0;
  url = await listenSomewhere(server);
});
afterEach(async () => {
  await Promise.all(upstreams.splice(0).map((upstream) => upstream.destroy()));
  await closeServer(server);
});

function open(protection: Partial<ForeignProtection> = {}): ForeignUpstream {
  const upstream = new ForeignUpstream([url], { maxInFlight: 100, breaker: true, ...protection });
  upstreams.push(upstream);
  return upstream;
}

/** Status, or the code of the error. */
function ask(upstream: ForeignUpstream, idempotent = false, patienceMs = 5_000): Promise<string> {
  return new Promise((resolve) => {
    let status = 0;
    let timer: NodeJS.Timeout | undefined;
    const over = (result: string) => {
      clearTimeout(timer);
      resolve(result);
    };
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart: (controller) => {
        timer ??= setTimeout(() => controller.abort(new OutOfTime()), patienceMs);
      },
      onResponseStart: (_controller, statusCode) => {
        status = statusCode;
      },
      onResponseData: () => undefined,
      onResponseEnd: () => over(String(status)),
      onResponseError: (_controller, error) => over(String((error as NodeJS.ErrnoException).code)),
    };
    upstream.dispatch({ method: 'GET', path: '/', idempotent }, handler);
  });
}

test('requests to servers outside are repeated for a fifth of them at most', async () => {
  respond = cut;
  const upstream = open({ breaker: false });
  for (let sent = 0; sent < 200; sent += 20) await Promise.all(Array.from({ length: 20 }, () => ask(upstream, true)));
  expect(asked).toBeGreaterThan(220);
  expect(asked).toBeLessThanOrEqual(240);
});

test('servers outside that fail are left alone for a while, and asked again', async () => {
  respond = (response) => void response.writeHead(503).end();
  const upstream = open();
  for (let sent = 0; sent < 20; sent += 1) expect(await ask(upstream)).toBe('503');
  expect([await ask(upstream), asked]).toEqual(['UPSTREAM_OPEN', 20]);
  await expect(upstream.connect()).rejects.toMatchObject({ code: 'UPSTREAM_OPEN' });
  respond = (response) => void response.end();
  const end = performance.now() + 10_000;
  while ((await ask(upstream)) !== '200') {
    expect(performance.now()).toBeLessThan(end);
    await new Promise((later) => setTimeout(later, 5));
  }
  for (let sent = 0; sent < 5; sent += 1) expect(await ask(upstream)).toBe('200');
});

test('a fault of the client, or a client without patience, is none of the servers', async () => {
  const held: ServerResponse[] = [];
  respond = (response) => void response.writeHead(404).end();
  const upstream = open();
  for (let sent = 0; sent < 30; sent += 1) expect(await ask(upstream)).toBe('404');
  respond = (response) => void held.push(response);
  await Promise.all(Array.from({ length: 40 }, () => ask(upstream, false, 100)));
  respond = (response) => void response.end();
  expect(await ask(upstream)).toBe('200');
});

test('no more run and wait than may', async () => {
  const held: ServerResponse[] = [];
  respond = (response) => void held.push(response);
  const upstream = open({ maxInFlight: 5 });
  const answers = Array.from({ length: 8 }, () => ask(upstream));
  expect(await Promise.all(answers.slice(5))).toEqual(Array(3).fill('UPSTREAM_BUSY'));
  while (held.length < 5) await new Promise((later) => setImmediate(later));
  for (const response of held) response.end();
  expect(await Promise.all(answers.slice(0, 5))).toEqual(Array(5).fill('200'));
  respond = (response) => void response.end();
  expect(await ask(upstream)).toBe('200');
});
