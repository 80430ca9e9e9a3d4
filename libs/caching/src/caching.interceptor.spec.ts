import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type CallHandler,
  type CanActivate,
  Controller,
  type ExecutionContext,
  ForbiddenException,
  Get,
  HttpCode,
  Injectable,
  Module,
  type NestInterceptor,
  UseGuards,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { map, type Observable, of } from 'rxjs';
import { CachingInterceptor } from './caching.interceptor.js';
import { EncodedAnswer } from './encoded-answer.js';
import type { FillSlot } from './fill-slot.js';
import { ResponseCache } from './response-cache.js';

let calls = 0;
let gate: Promise<void> = Promise.resolve();

/** Turns the event loop until something has happened, for five seconds at most. */
async function until(happened: () => boolean): Promise<void> {
  for (const end = performance.now() + 5000; !happened(); ) {
    if (performance.now() > end) throw new Error('it did not happen in time');
    await new Promise((done) => setImmediate(done));
  }
}

@Injectable()
class Refuse implements CanActivate {
  canActivate(): boolean {
    throw new ForbiddenException();
  }
}

@Controller()
class Things {
  @Get('thing')
  async thing() {
    calls += 1;
    await gate;
    return { n: calls, name: 'Zoë' };
  }

  @Get('odd-status')
  @HttpCode(203)
  oddStatus() {
    return { n: 1 };
  }

  @Get('crash')
  crash() {
    throw new Error('crash');
  }

  @Get('plain')
  plain() {
    return 'text';
  }

  @Get('many')
  many() {
    return of({ n: 1 }, { n: 2 });
  }

  @Get('forbidden')
  @UseGuards(Refuse)
  forbidden() {
    return { n: 1 };
  }
}

/** Stands for the envelope, which is inside the cache. */
@Injectable()
class Encode implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next
      .handle()
      .pipe(map((value) => (typeof value === 'object' ? new EncodedAnswer(JSON.stringify(value), '"v1"') : value)));
  }
}

@Module({ controllers: [Things] })
class Root {}

describe('the interceptor', () => {
  let app: NestFastifyApplication;
  let cache: ResponseCache;
  let url: string;

  beforeEach(async () => {
    calls = 0;
    gate = Promise.resolve();
    app = await NestFactory.create<NestFastifyApplication>(Root, new FastifyAdapter({ forceCloseConnections: true }), {
      logger: false,
    });
    cache = new ResponseCache();
    app.useGlobalInterceptors(new CachingInterceptor(), new Encode());
    // What the policy chain does: answer from the cache, or open a fill for the handler.
    app
      .getHttpAdapter()
      .getInstance()
      .addHook('onRequest', async (request, reply) => {
        const key = request.url;
        const ready = cache.lookup(key);
        if (ready) return reply.header('x-from', 'cache').send(ready.head);
        if (request.headers['x-no-fill']) return;
        const place = cache.flight(key);
        const waited = place.leader ? undefined : await place.wait();
        if (waited) return reply.header('x-from', 'leader').send(waited.head);
        const fill = place.leader ? place.fill : cache.beginFill(key);
        if (!request.headers['x-unbound']) fill.releaseWith(reply.raw);
        const slot: FillSlot = {
          fill,
          policy: { audience: 'public', ttlSeconds: 60, tags: ['thing'] },
          tags: ['thing'],
        };
        Object.assign(request.raw, { nexus: { fill: slot } });
      });
    await app.listen(0, '127.0.0.1');
    url = await app.getUrl();
  });
  afterEach(() => app.close());

  it('keeps what the handler answered', async () => {
    await fetch(`${url}/thing`);
    const kept = cache.lookup('/thing');
    expect(kept).toMatchObject({ etag: '"v1"', contentType: 'application/json; charset=utf-8', tags: ['thing'] });
    expect(kept?.head).toBe('{"n":1,"name":"Zoë"}');
    expect((kept?.expiresAt ?? 0) - (kept?.storedAt ?? 0)).toBe(60_000);
    const again = await fetch(`${url}/thing`);
    expect([again.headers.get('x-from'), await again.json(), calls]).toEqual(['cache', { n: 1, name: 'Zoë' }, 1]);
    void cache.invalidate(['thing']);
    await fetch(`${url}/thing`);
    expect(calls).toBe(2);
  });

  it('keeps the last value of several', async () => {
    await fetch(`${url}/many`);
    expect(cache.lookup('/many')?.head.toString()).toBe('{"n":2}');
  });

  const unkept = ['odd-status', 'crash', 'plain', 'forbidden', 'nowhere'];
  it.each(unkept)('keeps nothing and lets go for /%s', async (path) => {
    const { stores } = cache.counters;
    await (await fetch(`${url}/${path}`)).text();
    expect(cache.lookup(`/${path}`)).toBeUndefined();
    expect(cache.counters).toMatchObject({ stores, entries: 0 });
    // A response is closed a moment after its last byte was read.
    await until(() => cache.counters.flights === 0);
  });

  it.each(['odd-status', 'crash', 'plain'])('lets go by itself once the handler of /%s has ended', async (path) => {
    await (await fetch(`${url}/${path}`, { headers: { 'x-unbound': '1' } })).text();
    expect(cache.counters.flights).toBe(0);
  });

  it('keeps nothing of a request without a fill', async () => {
    const { stores } = cache.counters;
    expect((await fetch(`${url}/thing`, { headers: { 'x-no-fill': '1' } })).status).toBe(200);
    expect(cache.counters).toMatchObject({ stores, entries: 0 });
  });

  it('keeps nothing of a HEAD request', async () => {
    expect((await fetch(`${url}/thing`, { method: 'HEAD' })).status).toBe(200);
    expect([calls, cache.counters.entries]).toEqual([1, 0]);
  });

  it('keeps nothing that was invalidated while the handler ran', async () => {
    let open = () => {};
    gate = new Promise((done) => {
      open = done;
    });
    const running = fetch(`${url}/thing`);
    await until(() => calls === 1);
    void cache.invalidate(['thing']);
    open();
    expect((await running).status).toBe(200);
    expect(cache.counters.entries).toBe(0);
  });

  it('answers a hundred at once with one run of the handler', async () => {
    const from = await Promise.all(
      Array.from({ length: 100 }, async () => {
        const response = await fetch(`${url}/thing`);
        const body = (await response.json()) as { n?: number; head?: string };
        // Without the platform's adapter the one handler's answer leaves as the object it is.
        expect(body.head ?? JSON.stringify(body)).toBe('{"n":1,"name":"Zoë"}');
        return response.headers.get('x-from') ?? 'handler';
      }),
    );
    expect(from.filter((name) => name === 'handler')).toHaveLength(1);
    expect(calls).toBe(1);
  });

  it('lets followers go on as soon as the client of the leader is gone', async () => {
    let open = () => {};
    gate = new Promise((done) => {
      open = done;
    });
    const gone = new AbortController();
    const leader = fetch(`${url}/thing`, { signal: gone.signal }).catch(() => 'aborted');
    await until(() => calls === 1);
    const follower = fetch(`${url}/thing`);
    const server = app.getHttpServer();
    await once(server, 'request');
    expect(calls).toBe(1);
    const started = performance.now();
    gone.abort();
    expect(await leader).toBe('aborted');
    await until(() => calls === 2);
    open();
    expect(await (await follower).json()).toBeTruthy();
    expect(performance.now() - started).toBeLessThan(4000);
  });
});
