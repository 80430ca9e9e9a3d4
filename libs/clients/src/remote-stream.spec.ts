import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { definePort, type PortClass, type StreamWatch } from '@nexus/contracts';
import { createLogger, MemoryDestination } from '@nexus/observability';
import { closeServer, eventually, listenSomewhere } from '@nexus/testing';
import { Pool } from 'undici';
import { z } from 'zod';
import { LineReader, remotePort } from './index.js';

interface News {
  follow(listener: (entry: { n: number; text: string }) => void, watch?: StreamWatch): () => void;
}
const token = {
  name: 'News',
  prototype: {} as News,
  port: definePort('news', {}, { follow: z.object({ n: z.number().int(), text: z.string() }) }),
} satisfies PortClass;

const head = { 'content-type': 'application/x-ndjson' };

/** One connection, seen from its provider. */
interface Seen {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** What the follower acknowledged, in order. */
  readonly acknowledged: number[];
  /** The follower has said its last word. */
  left: boolean;
}

let server: Server;
let pool: Pool;
let log: MemoryDestination;
let followers: Seen[];
let serve: (response: ServerResponse) => void;
/** Whether it gives signs of life. */
let well: boolean;
let heard: number[];
let signs: string[];
let ages: number[];
let stop: () => void;
let news: News;

const watch: StreamWatch = {
  lost: () => void signs.push('lost'),
  opened: () => void signs.push('opened'),
  beat: (ageMs) => {
    signs.push('beat');
    ages.push(ageMs ?? Number.NaN);
  },
};
const entry = (n: number, text = 'ü\u{1f600}') => `${JSON.stringify({ entry: { n, text } })}\n`;
const last = () => followers.at(-1) as Seen;
const tell = (n: number) => last().response.write(entry(n));
const messages = () => log.records().map((record) => record.message);
/** What it was told but signs of life. */
const changes = () => signs.filter((sign) => sign !== 'beat').join(' ');

function listenTo(seen: Seen): void {
  const { response } = seen;
  const lines = new LineReader(1_000);
  const take = (text: string) => {
    const { at, seen: count } = JSON.parse(text) as { at?: number; seen?: number };
    if (count !== undefined) seen.acknowledged.push(count);
    if (at !== undefined && well && response.headersSent && !response.writableEnded) response.write(`{"at":${at}}\n`);
  };
  seen.request.on('data', (chunk: Buffer) => lines.read(chunk).forEach(take));
  seen.request.on('error', () => undefined);
  seen.request.once('end', () => {
    seen.left = true;
  });
}

beforeEach(async () => {
  followers = [];
  heard = [];
  signs = [];
  ages = [];
  well = true;
  log = new MemoryDestination();
  serve = (response) => response.writeHead(200, head).flushHeaders();
  server = createServer((request, response) => {
    const { method, url, headers } = request;
    expect([method, url, headers['content-type']]).toEqual(['POST', '/internal/v1/news/follow', head['content-type']]);
    const seen = { request, response, acknowledged: [], left: false };
    followers.push(seen);
    serve(response);
    listenTo(seen);
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
  test('tells its entries in order, however they arrive, and acknowledges each when it is taken', async () => {
    follow();
    expect(signs).toEqual(['lost']);
    await eventually(() => signs.length === 3, 'the first sign of life');
    expect(signs).toEqual(['lost', 'opened', 'beat']);
    const bytes = Buffer.from(`${[1, 2, 3, 4, 5].map((n) => entry(n)).join('')}{}\n`);
    for (let at = 0; at < bytes.length; at += 7) {
      last().response.write(bytes.subarray(at, at + 7));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await eventually(() => last().acknowledged.at(-1) === 5, 'everything is taken');
    expect(heard).toEqual([1, 2, 3, 4, 5]);
    expect(last().acknowledged).toEqual([...last().acknowledged].sort((a, b) => a - b));
    const { length } = last().acknowledged;
    last().response.write([6, 7, 8].map((n) => entry(n)).join(''));
    await eventually(() => last().acknowledged.at(-1) === 8, 'they are taken, too');
    // What came at once is acknowledged at once.
    expect([last().acknowledged.length, heard.length, followers.length, changes()]).toEqual([
      length + 1,
      8,
      1,
      'lost opened',
    ]);
  });

  test('acknowledges at once, not at the next occasion', async () => {
    follow();
    await eventually(() => signs.at(-1) === 'beat', 'it stands');
    const times: number[] = [];
    for (let n = 1; n <= 10; n++) {
      const from = performance.now();
      tell(n);
      await eventually(() => last().acknowledged.at(-1) === n, 'it is taken');
      times.push(performance.now() - from);
    }
    // The median, because the machine may be busy.
    expect(times.sort((a, b) => a - b)[5]).toBeLessThan(100);
  });

  test('asks for signs of life twice a second, and counts each from its question', async () => {
    follow();
    await eventually(() => ages.length === 1, 'the first');
    const { socket } = last().response;
    socket?.cork();
    const from = performance.now();
    await eventually(() => performance.now() - from > 600, 'what it asks lies there unanswered');
    const counted = ages.length;
    socket?.uncork();
    await eventually(() => ages.length > counted, 'the answer comes');
    expect(ages[counted]).toBeGreaterThan(100);
    await eventually(() => ages.length > counted + 2, 'it goes on');
    expect(performance.now() - from).toBeLessThan(3_000);
    expect(Math.min(...ages)).toBeLessThan(200);
    expect(Math.min(...ages)).toBeGreaterThanOrEqual(0);
  });

  test('is followed again wherever it breaks, and says so', async () => {
    follow();
    for (let n = 1; n <= 4; n++) {
      await eventually(() => followers.length === n && signs.at(-1) === 'beat', 'it stands');
      tell(n);
      // Entries are counted anew on each connection.
      await eventually(() => heard.length === n && last().acknowledged.at(-1) === 1, 'the entry is there');
      if (n % 2) last().response.destroy();
      else last().response.end();
    }
    await eventually(() => followers.length === 5 && signs.at(-1) === 'beat', 'it stands');
    expect(heard).toEqual([1, 2, 3, 4]);
    expect(changes()).toBe(`lost${' opened lost'.repeat(4)} opened`);
    expect(messages()).toEqual([
      'The stream news.follow is lost; it will be followed again',
      'The stream news.follow is back',
      'The stream news.follow is lost; it will be followed again',
      'The stream news.follow is back',
    ]);
  });

  test('that is asked to leave does so when the next connection tells, and misses nothing', async () => {
    follow();
    await eventually(() => signs.at(-1) === 'beat', 'it stands');
    const first = last();
    let answer = (): void => undefined;
    serve = (response) => {
      answer = () => response.writeHead(200, head).flushHeaders();
    };
    first.response.write('{"end":true}\n');
    await eventually(() => followers.length === 2, 'it follows elsewhere');
    first.response.write(entry(1));
    await eventually(() => first.acknowledged.at(-1) === 1, 'it is still there');
    expect(first.left).toBe(false);
    answer();
    await eventually(() => first.left, 'it has left');
    first.response.end(entry(2));
    tell(3);
    await eventually(() => heard.length === 3, 'everything is there');
    await eventually(() => last().acknowledged.at(-1) === 1, 'it goes on');
    expect([heard.sort(), changes(), followers.length, messages()]).toEqual([[1, 2, 3], 'lost opened opened', 2, []]);
  });

  test('that is asked to leave and finds nobody else leaves all the same, and tries on', async () => {
    follow();
    await eventually(() => signs.at(-1) === 'beat', 'it stands');
    const first = last();
    serve = (response) => response.writeHead(503).end();
    first.response.write('{"end":true}\n');
    await eventually(() => first.left, 'it has left');
    expect(changes()).toBe('lost opened');
    first.response.end();
    await eventually(() => changes() === 'lost opened lost', 'it is lost');
    const before = followers.length;
    await eventually(() => followers.length > before + 2, 'it tries on');
    expect(changes()).toBe('lost opened lost');
    serve = (response) => response.writeHead(200, head).flushHeaders();
    await eventually(() => changes().endsWith('opened'), 'it is back');
    tell(1);
    await eventually(() => heard.length === 1, 'it is told');
  });

  test('that is asked to leave over and over holds two connections at most', async () => {
    serve = (response) => void response.writeHead(200, head).write('{"end":true}\n');
    follow();
    await eventually(() => followers.length > 20, 'it has left often');
    const open = followers.filter(({ left, request, response }) => !left && !request.destroyed && !response.destroyed);
    expect(open.length).toBeLessThanOrEqual(3);
  });

  test('that is silent for two seconds is followed elsewhere', async () => {
    well = false;
    follow();
    await eventually(() => signs.at(-1) === 'opened', 'it stands');
    const from = performance.now();
    await eventually(() => followers.length === 2, 'there is another connection');
    expect(performance.now() - from).toBeGreaterThan(1_500);
    expect(signs.slice(0, 3)).toEqual(['lost', 'opened', 'lost']);
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
    last().response.once('close', () => {
      gone = true;
    });
    const before = signs.length;
    tell(1);
    stop();
    await eventually(() => gone, 'the connection is closed');
    expect([heard, signs.length, followers.length]).toEqual([[], before, 1]);
  });
});
