import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  Body,
  type CallHandler,
  Controller,
  type ExecutionContext,
  Injectable,
  Module,
  type NestInterceptor,
  Param,
  ParseIntPipe,
  Query,
  Req,
  type Type,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { Public } from '@nexus/auth-guards';
import { Caller, Ctx, compileEndpoint, cursorQuery, Endpoint, type ExpectedVersion, IfMatch } from '@nexus/http';
import { type CallContext, errors, type Page, type UserActor } from '@nexus/kernel';
import { startTestApp, type TestApp } from '@nexus/testing';
import { z } from 'zod';
import { defineService } from './define-service.js';

const thing = z.object({ id: z.string(), version: z.int(), seen: z.unknown() }).meta({ id: 'Thing' });
const newThing = z.strictObject({
  name: z.string().min(1).max(20),
  page_count: z.int().optional(),
  // What is checked later than at once must be waited for.
  colour: z
    .string()
    .refine(async (colour) => colour !== 'grey', 'is no colour')
    .optional(),
});

@Injectable()
class PassOn implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler) {
    return next.handle();
  }
}

/** The same routes twice: plain, and with an interceptor, which takes them through Nest's pipeline. */
function controllerAt(path: string, tag: string, enhance: ClassDecorator): Type {
  @enhance
  @Controller(`api/v1/${path}`)
  class Things {
    @Endpoint('POST', '', {
      operation: `${tag}Create`,
      summary: 'Create',
      status: 201,
      response: thing,
      location: (data: { id: string }) => `/api/v1/things/${data.id}`,
    })
    async create(
      @Caller() caller: UserActor,
      @Body({ schema: newThing }) body: z.output<typeof newThing>,
      @Ctx() ctx: CallContext,
    ) {
      return { id: 'one', version: 1, seen: { body, mine: caller.id === (ctx.actor as UserActor).id } };
    }

    @Endpoint('GET', '', { operation: `${tag}List`, summary: 'List', list: thing })
    list(@Query({ schema: cursorQuery(['created_at'], 'created_at') }) query: { limit: number }): Page<unknown> {
      return { items: [{ id: 'one', version: 1, seen: query }], limit: query.limit, nextCursor: null, total: 1 };
    }

    @Public()
    @Endpoint('GET', 'open/:name', {
      operation: `${tag}Open`,
      summary: 'Open',
      response: thing,
      cache: { audience: 'public', tags: [] },
    })
    open(@Param({ schema: z.object({ name: z.string().max(5) }) }) seen: unknown) {
      return { id: 'open', version: 7, seen };
    }

    @Endpoint('PATCH', '', { operation: `${tag}Change`, summary: 'Change', response: thing })
    change(@IfMatch() seen: ExpectedVersion | undefined) {
      if (!seen) throw errors.stale_version();
      return { id: 'one', version: 2, seen };
    }

    @Endpoint('DELETE', '', { operation: `${tag}Remove`, summary: 'Remove' })
    async remove(): Promise<void> {}

    @Endpoint('GET', 'crash', { operation: `${tag}Crash`, summary: 'Crash' })
    async crash() {
      throw new Error('the password is hunter2');
    }

    @Endpoint('GET', 'cycle', { operation: `${tag}Cycle`, summary: 'No JSON', response: thing })
    cycle() {
      const value: { self?: unknown } = {};
      value.self = value;
      return value;
    }
  }
  return Things;
}

const Plain = controllerAt('plain', 'plain', () => undefined);
const Piped = controllerAt('piped', 'piped', UseInterceptors(PassOn));

@Module({ controllers: [Plain, Piped], providers: [PassOn] })
class ThingsModule {}

let app: TestApp;

beforeAll(async () => {
  const service = defineService({
    name: 'auth',
    port: 8081,
    module: async () => ThingsModule,
    database: { migrations: [] },
  });
  app = await startTestApp({ services: [service] });
}, 60_000);

afterAll(async () => {
  await app?.stop();
});

type Sent = { method: string; path: string; body?: string; headers?: Record<string, string>; anonymous?: boolean };

const json = { 'content-type': 'application/json' };
const form = { 'content-type': 'application/x-www-form-urlencoded' };
const requests: Record<string, Sent> = {
  'a body': { method: 'POST', path: '', body: '{"name":"a","pageCount":3}', headers: json },
  'a form': { method: 'POST', path: '', body: 'name=a&page_count=3', headers: form },
  'faults of a body': { method: 'POST', path: '', body: '{"name":"","extra":1}', headers: json },
  'a check that takes a while': { method: 'POST', path: '', body: '{"name":"a","colour":"grey"}', headers: json },
  'no body': { method: 'POST', path: '' },
  'an empty body': { method: 'POST', path: '', body: '', headers: json },
  'broken JSON': { method: 'POST', path: '', body: '{"name":', headers: json },
  'bad UTF-8': { method: 'POST', path: '', body: 'name=%ff', headers: form },
  'keys that reach a prototype': { method: 'POST', path: '', body: '{"__proto__":{"name":"a"}}', headers: json },
  'another media type': { method: 'POST', path: '', body: '<a/>', headers: { 'content-type': 'text/xml' } },
  'no media type at all': { method: 'POST', path: '', body: 'x', headers: { 'content-type': 'nonsense' } },
  'a media type with parameters': {
    method: 'POST',
    path: '',
    body: '{"name":"a"}',
    headers: { 'content-type': 'Application/JSON ; charset=utf-8' },
  },
  'too large a body': { method: 'POST', path: '', body: `"${'x'.repeat(1024 * 1024)}"`, headers: json },
  'nobody who signed in': { method: 'POST', path: '', body: '{}', headers: json, anonymous: true },
  'a query': { method: 'GET', path: '?limit=7' },
  'faults of a query': { method: 'GET', path: '?limit=x&limit=2&toString=1' },
  'a parameter': { method: 'GET', path: '/open/caf%C3%A9' },
  'a parameter that is too long': { method: 'GET', path: '/open/abcdef' },
  'HEAD of it': { method: 'HEAD', path: '/open/abc' },
  'a version that is known': { method: 'PATCH', path: '', headers: { 'if-match': '"2-abc"' } },
  'no version': { method: 'PATCH', path: '' },
  'a version that is none': { method: 'PATCH', path: '', headers: { 'if-match': 'x' } },
  'no content': { method: 'DELETE', path: '' },
  'a body that nobody asked for': { method: 'DELETE', path: '', body: '{broken', headers: json },
  'a crash': { method: 'GET', path: '/crash' },
  'what cannot be written as JSON': { method: 'GET', path: '/cycle' },
};

/** Those are the fault of the handlers above. */
const CRASHES = ['a crash', 'what cannot be written as JSON'];
const VARYING = ['date', 'x-request-id', 'ratelimit-remaining', 'ratelimit-reset', 'keep-alive'];

async function answer(base: string, { method, path, body, headers, anonymous }: Sent, token: string) {
  const reply = await app.call(method, `/api/v1/${base}${path}`, {
    ...(anonymous ? {} : { token }),
    ...(body === undefined ? {} : { body }),
    ...(headers ? { headers } : {}),
  });
  const { request_id: _, ...rest } = reply.body;
  const seen = [...reply.headers].filter(([name]) => !VARYING.includes(name));
  return { status: reply.status, headers: Object.fromEntries(seen), body: rest };
}

describe('a plain route answers as one that goes through the pipeline of Nest', () => {
  test.each(Object.keys(requests))('to %s', async (name) => {
    const token = app.token();
    const sent = requests[name] as Sent;
    const plain = await answer('plain', sent, token);
    expect(plain).toEqual(await answer('piped', sent, token));
    expect(plain.status === 500).toBe(CRASHES.includes(name));
    expect(plain.status).not.toBe(404);
  });

  test('to the same key twice, and to another body under it', async () => {
    const token = app.token();
    const outcomes: unknown[] = [];
    for (const base of ['plain', 'piped']) {
      const key = { ...json, 'idempotency-key': `key of ${base}` };
      const send = (body: string) => answer(base, { method: 'POST', path: '', body, headers: key }, token);
      outcomes.push([await send('{"name":"a"}'), await send('{"name":"a"}'), await send('{"name":"b"}')]);
    }
    expect(outcomes[0]).toEqual(outcomes[1]);
    expect(outcomes[0]).toMatchObject([
      { status: 201, headers: { location: '/api/v1/things/one' } },
      { status: 201, headers: { 'idempotency-replayed': 'true', location: '/api/v1/things/one' } },
      { status: 422 },
    ]);
  });

  test('and its answers are kept and fresh ones asked for alike', async () => {
    for (const base of ['plain', 'piped']) {
      const read = (headers = {}) => app.call('GET', `/api/v1/${base}/open/kept`, { headers });
      expect((await read()).headers.get('cache-status')).toBe('nexus; fwd=miss');
      const kept = await read();
      expect(kept.headers.get('cache-status')).toMatch(/^nexus; hit/);
      expect((await read({ 'if-none-match': kept.headers.get('etag') })).status).toBe(304);
      expect((await read({ 'cache-control': 'no-cache' })).headers.get('cache-status')).toBe('nexus; fwd=request');
    }
  });
});

describe('a route goes through the pipeline of Nest', () => {
  const compiled = (type: Type, name: string) => compileEndpoint(new type(), type, name, true);
  const options = { operation: 'spec', summary: 'Spec' };

  class Enhanced {
    @Endpoint('GET', 'a', options)
    @UseGuards(PassOn as never)
    guarded() {}
    @Endpoint('GET', 'b', options)
    raw(@Req() _: unknown) {}
    @Endpoint('GET', 'c', options)
    piped(@Query('page', ParseIntPipe) _: number) {}
    @Endpoint('GET', 'd', options)
    unchecked(@Query() _: unknown) {}
    @Endpoint('GET', 'e', options)
    undecorated(_: unknown) {}
    @Endpoint('GET', 'f', { ...options, produces: 'sse' })
    stream() {}
    @Endpoint('GET', 'g', options)
    plain() {}
  }

  test.each(['guarded', 'raw', 'piped', 'unchecked', 'undecorated', 'stream'])('that is %s', (name) => {
    expect(compiled(Enhanced, name)).toBeUndefined();
  });

  test('and no other', () => {
    expect(compiled(Enhanced, 'plain')).toBeDefined();
    expect(compiled(Plain, 'create')).toBeDefined();
    expect(compiled(Piped, 'create')).toBeUndefined();
  });
});
