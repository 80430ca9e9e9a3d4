import { createServer, type Server, type ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { definePort, type PortClass, type StreamWatch } from '@nexus/contracts';
import { createLogger, MemoryDestination } from '@nexus/observability';
import { closeServer, eventually, listenSomewhere } from '@nexus/testing';
import { Pool } from 'undici';
import { z } from 'zod';
import { remotePort } from './index.js';

interface News {
  follow(listener: (entry: { n: number; text: string }) => void, watch?: StreamWatch): () => void;
}
const token = {
  name: 'News',
  prototype: {} as News,
  port: definePort('news', {}, { follow: z.object({ n: z.number().int(), text: z.string() }) }),
} satisfies PortClass;

const head = { 'content-type': 'application/x-ndjson' };

let server: Server;
let pool: Pool;
let log: MemoryDestination;
let followers: ServerResponse[];
let serve: (response: ServerResponse) => void;
let heard: number[];
let signs: string[];
let stop: () => void;
let news: News;

const watch: StreamWatch = {
  lost: () => void signs.push('lost'),
  opened: () => void signs.push('opened'),
  beat: () => void signs.push('beat'),
};
const entry = (n: number, text = 'ü\u{1f600}') => `${JSON.stringify({ entry: { n, text } })}\n`;
const last = () => followers.at(-1) as ServerResponse;
const messages = () => log.records().map((record) => record.message);

beforeEach(async () => {
  followers = [];
  heard = [];
  signs = [];
  log = new MemoryDestination();
  serve = (response) => response.writeHead(200, head).write('{}\n');
  server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== '/internal/v1/news/follow') throw new Error('Not the stream');
    followers.push(response);
    serve(response);
  });
  pool = new Pool(await listenSomewhere(server), { connections: 4 });
  const logger = createLogger({ service: 'x', version: '0', environment: 'test', level: 'debug', destination: log });
  news = remotePort<News>(token, { dispatcher: pool, caller: 'user', logger });
});

afterEach(async () => {
  stop?.();
  await pool.destroy();
  await closeServer(server);
});

const follow = () => {
  stop = news.follow(({ n }) => heard.push(n), watch);
};

describe('a stream', () => {
  test('tells its entries in order, however they arrive, and that it is alive', async () => {
    follow();
    expect(signs).toEqual(['lost']);
    await eventually(() => signs.length === 3, 'the first line is there');
    expect(signs).toEqual(['lost', 'opened', 'beat']);
    const bytes = Buffer.from(`${[1, 2, 3, 4, 5].map((n) => entry(n)).join('')}{}\n`);
    for (let at = 0; at < bytes.length; at += 7) {
      last().write(bytes.subarray(at, at + 7));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await eventually(() => signs.length === 9, 'everything is there');
    expect(heard).toEqual([1, 2, 3, 4, 5]);
    expect(signs.slice(3)).toEqual(['beat', 'beat', 'beat', 'beat', 'beat', 'beat']);
    expect(followers.length).toBe(1);
  });

  test('is followed again wherever it breaks, and says so', async () => {
    follow();
    for (let n = 1; n <= 4; n++) {
      await eventually(() => followers.length === n && signs.at(-1) === 'beat', 'it stands');
      last().write(entry(n));
      await eventually(() => heard.length === n, 'the entry is there');
      if (n % 2) last().destroy();
      else last().end();
    }
    await eventually(() => followers.length === 5 && signs.at(-1) === 'beat', 'it stands');
    expect(heard).toEqual([1, 2, 3, 4]);
    expect(signs.filter((sign) => sign !== 'beat').join(' ')).toBe(`lost${' opened lost'.repeat(4)} opened`);
    expect(messages()).toEqual([
      'The stream news.follow is lost; it will be followed again',
      'The stream news.follow is back',
      'The stream news.follow is lost; it will be followed again',
      'The stream news.follow is back',
    ]);
  });

  test('that is silent for two seconds is followed elsewhere', async () => {
    follow();
    await eventually(() => signs.at(-1) === 'beat', 'it stands');
    const from = performance.now();
    await eventually(() => followers.length === 2, 'there is another connection');
    expect(performance.now() - from).toBeGreaterThan(1_500);
    expect(signs.slice(3, 4)).toEqual(['lost']);
  });

  test.each([
    ['an answer that is none', (response: ServerResponse) => void response.writeHead(404).end()],
    ['another type', (response: ServerResponse) => void response.writeHead(200).write(entry(1))],
    ['a line that is no JSON', (response: ServerResponse) => void response.writeHead(200, head).write('}\n')],
    ['another shape', (response: ServerResponse) => void response.writeHead(200, head).write('{"entry":{"n":"1"}}\n')],
    ['a list', (response: ServerResponse) => void response.writeHead(200, head).write('[]\n')],
    [
      'a line without end',
      (response: ServerResponse) => void response.writeHead(200, head).write(' '.repeat(1_100_000)),
    ],
  ])('is left after %s, and tried again with patience', async (_name, answer) => {
    serve = answer;
    follow();
    await eventually(() => followers.length === 3, 'it was tried again');
    serve = (response) => response.writeHead(200, head).write(entry(7));
    await eventually(() => heard.includes(7), 'it is followed in the end');
    expect(heard).toEqual([7]);
    expect(followers.length).toBeLessThan(10);
    expect(messages().filter((message) => message?.toString().includes('is lost')).length).toBeLessThanOrEqual(3);
  });

  test('is tried less and less often while nobody answers', async () => {
    serve = (response) => response.destroy();
    follow();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(followers.length).toBeGreaterThan(2);
    expect(followers.length).toBeLessThan(25);
    expect(messages()).toEqual(['The stream news.follow is lost; it will be followed again']);
  });

  test('goes on when a listener fails', async () => {
    stop = news.follow(({ n }) => {
      if (n === 1) throw new Error('listener broke');
      heard.push(n);
    });
    serve = (response) => response.writeHead(200, head).write(entry(1) + entry(2));
    await eventually(() => heard.length === 1, 'the second is heard');
    expect(heard).toEqual([2]);
    expect(messages()).toEqual(['A listener to news.follow failed']);
  });

  test('is over at once when nobody follows it any more', async () => {
    follow();
    await eventually(() => signs.at(-1) === 'beat', 'it stands');
    let gone = false;
    last().once('close', () => {
      gone = true;
    });
    const before = signs.length;
    last().write(entry(1));
    stop();
    await eventually(() => gone, 'the connection is closed');
    expect([heard, signs.length, followers.length]).toEqual([[], before, 1]);
  });
});
