import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Body, Controller, Module, Req } from '@nestjs/common';
import { Public } from '@nexus/auth-guards';
import { Endpoint } from '@nexus/http';
import { eventually, startTestApp, type TestApp } from '@nexus/testing';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { defineService } from './define-service.js';

const note = z.strictObject({ title: z.string() });
const size = z.strictObject({ length: z.int() });

/** How the handlers of streams fared. */
const ends: string[] = [];
/** Opens the way for a handler that waits before it reads. */
let open = Promise.withResolvers<void>();

@Controller('api/v1/drops')
class DropsController {
  @Public()
  @Endpoint('POST', 'json', { operation: 'dropJson', summary: 'Held until it is whole', response: note })
  json(@Body({ schema: note }) body: z.output<typeof note>) {
    return body;
  }

  @Public()
  @Endpoint('POST', 'flow', { operation: 'dropFlow', summary: 'Taken as it comes', response: size, consumes: 'stream' })
  flow(@Req() { raw }: FastifyRequest) {
    let length = 0;
    return new Promise((resolve, reject) => {
      raw.on('data', (chunk: Buffer) => {
        length += chunk.length;
      });
      raw.once('end', () => resolve({ length }));
      raw.once('close', () => {
        ends.push(raw.complete ? 'whole' : 'broken');
        reject(new Error('It broke off'));
      });
      raw.on('error', () => undefined);
    });
  }

  @Public()
  @Endpoint('POST', 'chunks', {
    operation: 'dropChunks',
    summary: 'Asked for chunk by chunk',
    response: size,
    consumes: 'stream',
  })
  async chunks(@Req() { raw }: FastifyRequest) {
    let length = 0;
    try {
      for await (const chunk of raw) length += (chunk as Buffer).length;
    } finally {
      ends.push(raw.complete ? 'whole' : 'broken');
    }
    return { length };
  }

  @Public()
  @Endpoint('POST', 'later', {
    operation: 'dropLater',
    summary: 'Read when there is room',
    response: size,
    consumes: 'stream',
  })
  async later(@Req() request: FastifyRequest) {
    await open.promise;
    return this.chunks(request);
  }
}

@Module({ controllers: [DropsController] })
class DropsModule {}

let app: TestApp;
const sockets: Socket[] = [];
beforeAll(async () => {
  const drops = defineService({ name: 'auth', port: 8081, module: async () => DropsModule });
  app = await startTestApp({
    services: [drops],
    env: {
      GATEWAY_BODY_GRACE_SECONDS: '1',
      GATEWAY_CONNECTIONS: '3',
      GATEWAY_REQUESTS_PER_CONNECTION: '2',
      RATE_LIMIT_ANONYMOUS: '100000',
    },
  });
}, 60_000);
afterEach(async () => {
  open.resolve();
  open = Promise.withResolvers();
  for (const socket of sockets.splice(0)) socket.destroy();
  await eventually(() => app.running.app.policy.inFlight.size === 0, 'the end of all requests');
  ends.length = 0;
});
afterAll(async () => {
  await app?.stop();
}, 30_000);

/** Sends bytes, and collects what comes. */
function speak(text: string) {
  const { port, hostname } = new URL(app.url);
  const socket = connect(Number(port), hostname);
  sockets.push(socket);
  const heard = { text: '', over: false, socket };
  socket.on('data', (chunk) => {
    heard.text += chunk.toString('latin1');
  });
  socket.on('error', () => undefined);
  for (const end of ['end', 'close']) {
    socket.on(end, () => {
      heard.over = true;
    });
  }
  socket.write(text, 'latin1');
  return heard;
}

const head = (route: string, ...fields: string[]) =>
  [`POST /api/v1/drops/${route} HTTP/1.1`, 'Host: a', ...fields, '', ''].join('\r\n');
const JSON_TYPE = 'Content-Type: application/json';
const BYTES = 'Content-Type: application/octet-stream';

describe('one process, whose clients are slow', () => {
  test.each([
    ['json', JSON_TYPE],
    ['flow', BYTES],
    ['chunks', BYTES],
  ])('answers 408 in the one format, and ends the connection: %s', async (route, type) => {
    const heard = speak(head(route, type, 'Content-Length: 100000'));
    const timer = setInterval(() => heard.socket.write('a'), 100);
    try {
      await eventually(() => heard.over, 'the end');
    } finally {
      clearInterval(timer);
    }
    expect(heard.text).toMatch(/^HTTP\/1\.1 408 /);
    expect(heard.text).toMatch(/\r\nConnection: close\r\n/i);
    expect(JSON.parse(heard.text.slice(heard.text.indexOf('{')))).toMatchObject({
      success: false,
      error_code: 408,
      details: [{ code: 'request_timeout' }],
    });
    // Whoever reads it hears of it.
    if (type === BYTES) await eventually(() => ends.length === 1, 'the end of the handler');
    expect(ends).toEqual(type === BYTES ? ['broken'] : []);
  });

  test('waits as long as its own side takes', async () => {
    const heard = speak(`${head('later', BYTES, 'Content-Length: 300000')}${'a'.repeat(100_000)}`);
    const until = performance.now() + 3_000;
    while (performance.now() < until) {
      expect(heard).toMatchObject({ text: '', over: false });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    open.resolve();
    heard.socket.write('a'.repeat(200_000));
    await eventually(() => heard.text.includes('"length":300000'), 'the answer');
  });
});

describe('one process, whose clients are many', () => {
  const body = '{"title":"a"}';
  const whole = head('json', JSON_TYPE, `Content-Length: ${body.length}`) + body;

  test('refuses connections, keeps those that are there, and lets go after so many requests', async () => {
    const there = [speak(whole), speak(whole), speak(whole)];
    for (const heard of there) await eventually(() => heard.text.includes('"title":"a"'), 'an answer');
    const refused = speak(whole);
    await eventually(() => refused.over, 'the end');
    expect(refused.text).toMatch(/^HTTP\/1\.1 503 .*\r\nretry-after: 1\r\n.*"code":"overloaded"/is);
    for (const heard of there) {
      expect([heard.over, heard.text.includes('Connection: close')]).toEqual([false, false]);
      heard.socket.write(whole);
      await eventually(() => heard.over, 'the end after the second answer');
      expect(heard.text.match(/HTTP\/1\.1 200 /g)).toHaveLength(2);
      expect(heard.text).toMatch(/Connection: close/i);
    }
  });
});
