import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Body, Controller, Module } from '@nestjs/common';
import { Endpoint } from '@nexus/http';
import { startTestApp, type TestApp } from '@nexus/testing';
import { z } from 'zod';
import { defineService } from './define-service.js';

let release: () => void = () => undefined;

@Controller('api/v1/seats')
class SeatsController {
  /** Takes the only place, until it is let go. */
  @Endpoint('GET', '', { operation: 'takeSeat', summary: 'Sit down' })
  take() {
    return new Promise<undefined>((resolve) => {
      release = () => resolve(undefined);
    });
  }

  @Endpoint('POST', '', { operation: 'makeSeat', summary: 'Make' })
  make(@Body({ schema: z.object({ legs: z.int() }) }) _body: unknown) {}
}

@Module({ controllers: [SeatsController] })
class SeatsModule {}

let app: TestApp;
let bearer: string;
let sitting: Promise<unknown>;

beforeAll(async () => {
  app = await startTestApp({
    services: [defineService({ name: 'auth', port: 0, module: async () => SeatsModule })],
    env: { SERVER_MAX_REQUESTS: '1' },
  });
  const token = app.token();
  bearer = `authorization: Bearer ${token}`;
  sitting = app.call('GET', '/api/v1/seats', { token });
  const { limit } = app.running.app.policy.door;
  const deadline = Date.now() + 10_000;
  while (limit.serving[3] !== 1) {
    expect(Date.now()).toBeLessThan(deadline);
    await new Promise((later) => setImmediate(later));
  }
}, 60_000);

afterAll(async () => {
  release();
  await sitting;
  await app?.stop();
}, 30_000);

const head = (...lines: string[]) => `${lines.join('\r\n')}\r\n\r\n`;
const get = (...fields: string[]) => head('GET /api/v1/seats HTTP/1.1', 'host: x', bearer, ...fields);

/** Sends bytes at once; all that comes back until the connection ends. */
function send(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(Number(new URL(app.url).port), '127.0.0.1', () => socket.write(bytes));
    socket
      .setEncoding('latin1')
      .on('data', (chunk: string) => {
        text += chunk;
      })
      .on('error', reject)
      .on('close', () => resolve(text));
  });
}

const statuses = (text: string) => Array.from(text.matchAll(/HTTP\/1\.1 (\d+)/g), ([, status]) => Number(status));
const codes = (text: string) => Array.from(text.matchAll(/"code":"(\w+)"/g), ([, code]) => code);

describe('a process that is full', () => {
  test('refuses requests of one connection in their order, each with its own id', async () => {
    const ids = [1, 2, 3].map((n) => `00000000-0000-4000-8000-00000000000${n}`);
    const text = await send(
      ids.map((id, n) => get(`x-request-id: ${id}`, ...(n === 2 ? ['connection: close'] : []))).join(''),
    );
    expect([statuses(text), codes(text)]).toEqual([Array(3).fill(503), Array(3).fill('overloaded')]);
    expect(Array.from(text.matchAll(/"request_id":"([^"]+)"/g), ([, id]) => id)).toEqual(ids);
    expect(text.match(/retry-after: 1/gi)).toHaveLength(3);
  });

  test('serves probes', async () => {
    const text = await send(head('GET /health/live HTTP/1.1', 'host: x', 'connection: close'));
    expect(statuses(text)).toEqual([200]);
  });

  test('refuses what is to come before a body is sent, and reads past one that is there', async () => {
    const post = (...fields: string[]) =>
      head('POST /api/v1/seats HTTP/1.1', 'host: x', bearer, 'content-type: application/json', ...fields);
    // A write has a place of its own: it takes that first.
    const { limit } = app.running.app.policy.door;
    expect(limit.enter(2, performance.now())).toBe(true);
    try {
      const asked = await send(post('content-length: 10', 'expect: 100-continue', 'connection: close'));
      expect(statuses(asked)).toEqual([503]);
      const whole = await send(`${post('content-length: 10')}{"legs":4}${get('connection: close')}`);
      expect(statuses(whole)).toEqual([503, 503]);
      const large = await send(post('content-length: 10000000'));
      expect([statuses(large), /connection: close/i.test(large)]).toEqual([[503], true]);
    } finally {
      limit.leave(2);
    }
  });

  test('answers what is broken behind a request after it', async () => {
    const text = await send(`${get()}NO HTTP\r\n\r\n`);
    expect([statuses(text), codes(text)]).toEqual([
      [503, 400],
      ['overloaded', 'bad_request'],
    ]);
  });
});
