import { get, type IncomingMessage, type ServerResponse } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { RevocationList } from '@nexus/auth-guards';
import type { Exchange } from '@nexus/http';
import { uuidv7 } from '@nexus/kernel';
import { startTestApp, type TestApp, testUser } from '@nexus/testing';
import fc from 'fast-check';
import { InboxRepository } from '../inbox/inbox.repository.js';
import { InboxService } from '../inbox/inbox.service.js';
import { notificationService } from '../index.js';
import { InboxStreams } from './inbox-streams.service.js';
import { StreamTiming } from './stream-timing.js';

const DEADLINE_MS = 25_000;

jest.setTimeout(30_000);

/** Waits until the condition holds. */
async function until(condition: () => boolean, what: string): Promise<void> {
  const end = Date.now() + DEADLINE_MS;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`It did not happen: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A client that reads a stream frame by frame; half a frame counts for nothing. */
class Reader {
  readonly events: { id: string; title: string }[] = [];
  readonly comments: string[] = [];
  retry: string | undefined;
  state: 'open' | 'ended' | 'cut' = 'open';
  private rest = '';

  private constructor(readonly response: IncomingMessage) {
    response.setEncoding('utf8');
    response.on('data', (text: string) => this.take(text));
    response.on('end', () => (this.state = 'ended'));
    response.on('close', () => (this.state = response.complete ? 'ended' : 'cut'));
    response.on('error', () => undefined);
  }

  static open(url: string, token: string, headers: Record<string, string> = {}): Promise<Reader> {
    return new Promise((resolve, reject) => {
      const options = { agent: false, headers: { authorization: `Bearer ${token}`, ...headers } };
      get(`${url}/api/v1/notifications/stream`, options, (response) => resolve(new Reader(response))).on(
        'error',
        reject,
      );
    });
  }

  get ids(): string[] {
    return this.events.map(({ id }) => id);
  }

  drop(): void {
    this.response.destroy();
  }

  private take(text: string): void {
    const blocks = (this.rest + text).split('\n\n');
    this.rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const fields = new Map(block.split('\n').map((line) => line.split(/: ?(.*)/s, 2) as [string, string]));
      this.retry = fields.get('retry') ?? this.retry;
      if (fields.has('')) this.comments.push(fields.get('') ?? '');
      const data = fields.get('data');
      if (data === undefined) continue;
      const { id, title } = JSON.parse(data) as { id: string; title: string };
      expect([fields.get('id'), fields.get('event')]).toEqual([id, 'notification']);
      this.events.push({ id, title });
    }
  }
}

describe('live streams', () => {
  let app: TestApp;
  let inbox: InboxService;
  let streams: InboxStreams;
  let userId: string;
  let readers: Reader[];

  beforeAll(async () => {
    app = await startTestApp({ services: [notificationService] });
    inbox = app.running.app.nest.get(InboxService, { strict: false });
    streams = app.running.app.nest.get(InboxStreams, { strict: false });
  });

  beforeEach(() => {
    readers = [];
    userId = uuidv7();
  });

  afterEach(async () => {
    for (const reader of readers) reader.drop();
    await until(() => streams.size === 0, 'no stream');
    Object.assign(find(StreamTiming), new StreamTiming());
    jest.restoreAllMocks();
  });

  afterAll(() => app.stop());

  const find = <T>(token: new (...args: never[]) => T): T => app.running.app.nest.get(token, { strict: false });
  const hurry = (changes: Partial<Record<keyof StreamTiming, number>>) => Object.assign(find(StreamTiming), changes);
  const add = (title: string, to = userId, body = '') =>
    app.running.app.databases
      .get('notification')
      .transaction((tx) => inbox.add(tx, { userId: to, category: 'project', title, body, data: {} }));
  const open = async (lastId?: string, token = app.token({ sub: userId })) => {
    const reader = await Reader.open(app.url, token, lastId ? { 'last-event-id': lastId } : {});
    readers.push(reader);
    return reader;
  };
  const stored = async (of: string) => (await find(InboxRepository).after(of, '0', 100_000)).map(({ id }) => id);

  it('begins with what comes next, as an event stream', async () => {
    await add('before');
    const reader = await open();
    expect(reader.response.statusCode).toBe(200);
    expect(reader.response.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
      'ratelimit-limit': '1000',
      'x-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    await add('after');
    await until(() => reader.events.length > 0, 'an event');
    expect(reader.events.map(({ title }) => title)).toEqual(['after']);
    expect(reader.comments[0]).toBe('open');
    expect(Number(reader.retry)).toBeGreaterThanOrEqual(2000);
  });

  it('sends every entry once and in order, however it is dropped and resumed while others write', async () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('add' as const), at_once: fc.integer({ min: 1, max: 5 }) }),
      fc.record({ do: fc.constant('await' as const), more: fc.integer({ min: 0, max: 3 }) }),
      fc.record({ do: fc.constant('resume' as const), gone_for: fc.integer({ min: 0, max: 3 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
        const person = uuidv7();
        const token = app.token({ sub: person });
        const writing: Promise<void>[] = [];
        const seen: string[] = [];
        await add('the last one seen', person);
        const [start] = await stored(person);
        let lastId = start as string;
        let reader = await open(lastId, token);
        const resume = async (addsMeanwhile: number) => {
          reader.drop();
          seen.push(...reader.ids);
          lastId = seen.at(-1) ?? lastId;
          for (let i = 0; i < addsMeanwhile; i++) await add('while away', person);
          reader = await open(lastId, token);
        };
        let added = 0;
        for (const step of steps) {
          if (step.do === 'add') {
            added += step.at_once;
            writing.push(...Array.from({ length: step.at_once }, () => add('x', person)));
          } else if (step.do === 'await') {
            const want = Math.min(added, seen.length + reader.events.length + step.more);
            await until(() => seen.length + reader.events.length >= want, `${want} events`);
          } else {
            added += step.gone_for;
            await resume(step.gone_for);
          }
        }
        await Promise.all(writing);
        await until(() => seen.length + reader.events.length >= added, `all ${added} events`);
        await resume(0);
        await add('the end', person);
        await until(() => reader.events.some(({ title }) => title === 'the end'), 'the end');
        reader.drop();
        expect([...seen, ...reader.ids]).toEqual((await stored(person)).slice(1));
      }),
      { numRuns: 30 },
    );
  });

  it('replays a long absence, page by page', async () => {
    await add('seen');
    const [first] = await stored(userId);
    for (let i = 0; i < 130; i++) await add(`${i}`);
    const reader = await open(first);
    await until(() => reader.events.length >= 130, 'the replay');
    expect(reader.events.map(({ title }) => title)).toEqual(Array.from({ length: 130 }, (_, i) => `${i}`));
  });

  it('shows nobody the entries of another person', async () => {
    const mine = await open();
    const theirs = await open(undefined, app.token());
    await add('mine');
    await until(() => mine.events.length === 1, 'my event');
    expect(theirs.events).toEqual([]);
  });

  it('cuts off a reader who falls behind, without keeping entries for them', async () => {
    hurry({ drainMs: 300 });
    let held = 0;
    let watched: ServerResponse | undefined;
    app.running.app.listeners[0]?.server.on('request', (_request: IncomingMessage, response: ServerResponse) => {
      watched = response;
    });
    await add('seen');
    const [first] = await stored(userId);
    const reader = await open(first);
    reader.response.pause();
    const sampling = setInterval(() => {
      held = Math.max(held, (watched?.writableLength ?? 0) + (watched?.socket?.writableLength ?? 0));
    }, 1);
    const body = 'x'.repeat(128 * 1024);
    for (let i = 0; i < 200; i++) await add(`${i}`, userId, body);
    await until(() => streams.size === 0, 'the end of the stream');
    clearInterval(sampling);
    // At most one entry beyond what the socket takes: far from the 25 MiB that were added.
    expect(held).toBeGreaterThan(0);
    expect(held).toBeLessThan(1024 * 1024);
    reader.response.resume();
    await until(() => reader.state !== 'open', 'the cut');
    expect(reader.state).toBe('cut');
    expect(reader.events.length).toBeLessThan(200);
    const next = await open(reader.ids.at(-1) ?? first);
    await until(() => reader.events.length + next.events.length >= 200, 'the rest');
    expect([...reader.ids, ...next.ids]).toEqual((await stored(userId)).slice(1));
  });

  it('ends the oldest stream of a person who opens too many, and asks it to stay away longer', async () => {
    const opened: Reader[] = [];
    for (let i = 0; i < 12; i++) opened.push(await open());
    const other = await open(undefined, app.token());
    await until(() => opened.filter(({ state }) => state === 'ended').length === 2, 'the end of two');
    expect(opened.map(({ state }) => state)).toEqual(['ended', 'ended', ...Array<string>(10).fill('open')]);
    expect([opened[0]!.retry, opened[1]!.retry]).toEqual(['60000', '60000']);
    await until(() => streams.size === 11, 'eleven streams');
    await add('x');
    await until(() => opened.slice(2).every(({ events }) => events.length === 1), 'the event in all others');
    expect(other.state).toBe('open');
  });

  it('ends with its session, and leaves the other sessions alone', async () => {
    const [gone, old, kept] = [uuidv7(), uuidv7(), uuidv7()];
    const first = await open(undefined, app.token({ sub: userId, sid: gone }));
    const second = await open(undefined, app.token({ sub: userId, sid: old, sv: 1 }));
    const third = await open(undefined, app.token({ sub: userId, sid: kept, sv: 2 }));
    app.mint.revoke(gone);
    app.mint.revoke(old, 2);
    app.mint.revoke(kept, 2);
    await until(() => first.state === 'ended' && second.state === 'ended', 'the end of two');
    expect(third.state).toBe('open');
    const late = { signal: new AbortController().signal } as Exchange;
    const actor = { ...testUser(), sessionId: gone };
    await expect(streams.serve(late, actor, undefined)).rejects.toMatchObject({ code: 'session_ended' });
  });

  it('ends with its session although nobody told that the session ended', async () => {
    const [gone, other] = [uuidv7(), uuidv7()];
    const reader = await open(undefined, app.token({ sub: userId, sid: gone }));
    const listeners = Reflect.get(app.mint, 'listeners');
    Reflect.set(app.mint, 'listeners', new Set());
    app.mint.revoke(gone);
    Reflect.set(app.mint, 'listeners', listeners);
    expect(reader.state).toBe('open');
    // The next one is told, and its number shows that one is missing.
    app.mint.revoke(other);
    await until(() => reader.state !== 'open', 'the end');
    expect(reader.state).toBe('ended');
  });

  it('ends when it is not known for longer than the grace which sessions have ended', async () => {
    const reader = await open();
    const unsure = jest.spyOn(find(RevocationList), 'unsureMs').mockReturnValue(30_000);
    await until(() => unsure.mock.calls.length > 2, 'looks');
    expect(reader.state).toBe('open');
    unsure.mockReturnValue(30_001);
    await until(() => reader.state !== 'open', 'the end');
    expect(reader.state).toBe('ended');
  });

  it('ends with the access token', async () => {
    const exp = Math.floor(Date.now() / 1000) + 2;
    const reader = await open(undefined, app.token({ sub: userId, exp }));
    await until(() => reader.state !== 'open', 'the end');
    expect(reader.state).toBe('ended');
    expect(Date.now() - exp * 1000).toBeGreaterThan(-100);
  });

  it('ends in order after its time', async () => {
    hurry({ lifeMs: 50 });
    const reader = await open();
    await until(() => reader.state !== 'open', 'the end');
    expect(reader.state).toBe('ended');
    await until(() => streams.size === 0, 'no stream');
  });

  it('keeps an idle connection open with comments', async () => {
    hurry({ heartbeatMs: 20 });
    const reader = await open();
    await until(() => reader.comments.length > 4, 'comments');
    expect(reader.events).toEqual([]);
  });

  it('ends when the inbox cannot be read, so that the client comes back', async () => {
    const reader = await open();
    const broken = jest.spyOn(find(InboxRepository), 'after').mockRejectedValueOnce(new Error('no database'));
    await add('x');
    await until(() => reader.state !== 'open', 'the end');
    expect([reader.state, broken.mock.calls.length]).toEqual(['ended', 1]);
    expect(streams.size).toBe(0);
  });

  it('forgets clients who leave', async () => {
    const opened = [await open(), await open(), await open()];
    await until(() => streams.size === 3, 'three streams');
    for (const reader of opened) reader.drop();
    await until(() => streams.size === 0, 'no stream');
  });

  it('ends at once, and in order, when the process stops', async () => {
    const another = await startTestApp({ services: [notificationService] });
    const reader = await Reader.open(another.url, another.token());
    const from = Date.now();
    await another.stop();
    expect(reader.state).toBe('ended');
    // Far from the time that requests in flight are given.
    expect(Date.now() - from).toBeLessThan(6000);
  });

  it('refuses an id it never gave, and answers HEAD without a stream', async () => {
    const token = app.token();
    for (const id of ['x', `${uuidv7()}x`, uuidv7().toUpperCase()]) {
      const { status, body } = await app.call('GET', '/api/v1/notifications/stream', {
        token,
        headers: { 'last-event-id': id },
      });
      expect([status, body.details[0]]).toEqual([
        400,
        expect.objectContaining({ code: 'invalid_id', field: 'Last-Event-ID' }),
      ]);
    }
    const head = await app.call('HEAD', '/api/v1/notifications/stream', { token });
    expect([head.status, head.text, head.headers.get('content-type')]).toEqual([
      200,
      '',
      'text/event-stream; charset=utf-8',
    ]);
    expect(streams.size).toBe(0);
  });
});
