import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import {
  type CallHandler,
  Controller,
  type ExecutionContext,
  Injectable,
  Module,
  type NestInterceptor,
  Param,
  type Type,
  UseInterceptors,
} from '@nestjs/common';
import { Public } from '@nexus/auth-guards';
import { Endpoint } from '@nexus/http';
import { errors } from '@nexus/kernel';
import { startTestApp, type TestApp, type TestReply } from '@nexus/testing';
import { z } from 'zod';
import { defineService } from './define-service.js';

const LIFE_MS = 1_000;
const found = z.object({ version: z.int() }).meta({ id: 'Found' });

/** What the handlers do, and how often they were asked. */
let asked = 0;
let work: () => Promise<{ version: number }> = async () => ({ version: 1 });

@Injectable()
class PassOn implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler) {
    return next.handle();
  }
}

/** The same route twice: plain, and with an interceptor, which takes it through Nest's pipeline. */
function controllerAt(path: string, enhance: ClassDecorator): Type {
  @enhance
  @Public()
  @Controller(`api/v1/${path}`)
  class Things {
    @Endpoint('GET', ':name', {
      operation: `${path}Read`,
      summary: 'Read',
      response: found,
      cache: {
        audience: 'public',
        ttlSeconds: LIFE_MS / 1000,
        tags: ['thing:{name}'],
        staleWhileRevalidateSeconds: 30,
        staleIfErrorSeconds: 60,
        notFoundSeconds: 30,
      },
    })
    async read(@Param('name') _: string) {
      asked += 1;
      return work();
    }
  }
  return Things;
}

@Module({ controllers: [controllerAt('plain', () => undefined), controllerAt('nest', UseInterceptors(PassOn))] })
class ThingsModule {}

const service = defineService({ name: 'project', port: 8083, module: async () => ThingsModule });

let app: TestApp;

beforeAll(async () => {
  app = await startTestApp({ services: [service] });
}, 60_000);

afterAll(async () => {
  await app?.stop();
});

beforeEach(() => {
  asked = 0;
  work = async () => ({ version: 1 });
});

const facts = ({ status, body, headers }: TestReply) => [
  status,
  body.data?.version,
  headers
    .get('cache-status')
    ?.replace(/ttl=-\d+/, 'ttl=past')
    .replace(/ttl=\d+/, 'ttl=left'),
];
const outlived = () => new Promise((resolve) => setTimeout(resolve, LIFE_MS + 50));

describe.each(['plain', 'nest'])('an answer whose life is over (%s)', (path) => {
  const read = (name: string) => app.call('GET', `/api/v1/${path}/${name}`);

  test('is given to all but the one who makes it anew', async () => {
    expect(facts(await read('anew'))).toEqual([200, 1, 'nexus; fwd=miss']);
    await outlived();
    let finish: () => void = () => undefined;
    work = () =>
      new Promise((resolve) => {
        finish = () => resolve({ version: 2 });
      });
    const maker = read('anew');
    while (asked < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    const others = await Promise.all([read('anew'), read('anew'), read('anew')]);
    expect(others.map(facts)).toEqual(Array(3).fill([200, 1, 'nexus; hit; detail=stale; ttl=past']));
    finish();
    expect(facts(await maker)).toEqual([200, 2, 'nexus; fwd=miss']);
    expect(facts(await read('anew'))).toEqual([200, 2, 'nexus; hit; detail=l1; ttl=left']);
    expect(asked).toBe(2);
  });

  test('is given where it cannot be made anew, and not once it was invalidated', async () => {
    await read('broken');
    await outlived();
    work = () => Promise.reject(errors.unavailable());
    const instead = await read('broken');
    expect(facts(instead)).toEqual([200, 1, 'nexus; hit; detail=stale; ttl=past']);
    expect(instead.body.request_id).toBe(instead.headers.get('x-request-id'));
    work = () => Promise.reject(new Error('a crash'));
    expect(facts(await read('broken'))).toEqual([200, 1, 'nexus; hit; detail=stale; ttl=past']);
    void app.running.app.policy.cache.invalidate(['thing:broken']);
    expect((await read('broken')).status).toBe(500);
  });

  test('says nothing of a caller’s own fault', async () => {
    await read('fault');
    await outlived();
    work = () => Promise.reject(errors.conflict());
    expect((await read('fault')).status).toBe(409);
  });

  test('that there is no such thing is kept, with the id of each request', async () => {
    work = () => Promise.reject(errors.not_found());
    const first = await read('nothing');
    const second = await read('nothing');
    expect([first.status, second.status, asked]).toEqual([404, 404, 1]);
    expect(facts(second)).toEqual([404, undefined, 'nexus; hit; detail=l1; ttl=left']);
    expect(second.body).toEqual({ ...first.body, request_id: second.headers.get('x-request-id') });
    expect(second.headers.get('x-request-id')).not.toBe(first.headers.get('x-request-id'));
    expect(second.headers.get('cache-control')).toBe('no-store');
    void app.running.app.policy.cache.invalidate(['thing:nothing']);
    await read('nothing');
    expect(asked).toBe(2);
  });
});
