import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type ArgumentsHost,
  Catch,
  Controller,
  type ExceptionFilter,
  Get,
  HttpCode,
  Inject,
  Module,
  Post,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { loadConfig } from '@nexus/config';
import { AppError, uuidv7 } from '@nexus/kernel';
import { CredentialLimit } from './credential-throttler.guard.js';
import { LocalRateLimiter } from './local-rate-limiter.js';
import { type RateDecision, RateLimiter } from './rate-limiter.js';
import { throttlingConfig } from './throttling.config.js';
import { ThrottlingModule } from './throttling.module.js';

@Controller('auth')
class AuthController {
  constructor(@Inject(RateLimiter) readonly limiter: RateLimiter) {}

  @Post('login')
  @HttpCode(200)
  @CredentialLimit('sign_in')
  login() {
    return { ok: true };
  }

  @Post('register')
  @HttpCode(200)
  @CredentialLimit('sign_in')
  register() {
    return { ok: true };
  }

  @Post('refresh')
  @HttpCode(200)
  @CredentialLimit('refresh')
  refresh() {
    return { ok: true };
  }

  @Get('free')
  free() {
    return { ok: true };
  }
}

@Catch(AppError)
class AppErrorFilter implements ExceptionFilter<AppError> {
  catch(error: AppError, host: ArgumentsHost) {
    const reply = host.switchToHttp().getResponse();
    reply.status(error.status).headers(error.headers).send({ code: error.code });
  }
}

/** Stands for the store of several replicas, which answers later. */
class RemoteRateLimiter extends RateLimiter {
  readonly #local = new LocalRateLimiter();
  override async consume(key: string, limit: number, windowMs: number): Promise<RateDecision> {
    await new Promise((done) => setImmediate(done));
    return this.#local.consume(key, limit, windowMs);
  }
}

const clock = { ms: 0, now: () => clock.ms };

const config = loadConfig([throttlingConfig], { RATE_LIMIT_SIGN_IN: '5', RATE_LIMIT_REFRESH: '3' }).get(
  throttlingConfig,
);

describe.each([
  ['in this process', () => new LocalRateLimiter({ clock })],
  ['elsewhere', () => new RemoteRateLimiter()],
])('credential routes, with counters %s', (where, makeLimiter) => {
  let app: NestFastifyApplication;
  let url: string;
  let limiter: RateLimiter;

  beforeEach(async () => {
    clock.ms = 1_700_000_000_000;
    limiter = makeLimiter();
    @Module({ imports: [ThrottlingModule.forRoot({ config, limiter })], controllers: [AuthController] })
    class Root {}
    app = await NestFactory.create<NestFastifyApplication>(Root, new FastifyAdapter(), { logger: false });
    app.useGlobalFilters(new AppErrorFilter());
    // What the policy chain leaves behind: its state on the raw request and the tier's fields on the answer.
    app
      .getHttpAdapter()
      .getInstance()
      .addHook('onRequest', async (request, reply) => {
        const address = request.headers['x-test-address'];
        if (typeof address === 'string') Object.assign(request.raw, { nexus: { address } });
        reply.headers({ 'ratelimit-limit': '100', 'ratelimit-remaining': '99', 'ratelimit-reset': '60' });
      });
    await app.listen(0, '127.0.0.1');
    url = await app.getUrl();
  });
  afterEach(() => app.close());

  const post = (path: string, body: unknown = {}, address?: string) =>
    fetch(`${url}/auth/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(address ? { 'x-test-address': address } : {}) },
      body: JSON.stringify(body),
    });
  const statuses = async (answers: Promise<Response>[]) =>
    (await Promise.all(answers)).map((answer) => answer.status).sort();

  it('provides the limiter that the chain uses', () => {
    expect(app.get(AuthController).limiter).toBe(limiter);
  });

  it('passes exactly the limit of a concurrent flood over login and register together', async () => {
    const answers = Array.from({ length: 15 }, (_, i) => post(i % 2 ? 'login' : 'register', {}, '203.0.113.7'));
    expect(await statuses(answers)).toEqual([...Array(5).fill(200), ...Array(10).fill(429)]);
    expect((await post('login', {}, '203.0.113.8')).status).toBe(200);
    expect((await fetch(`${url}/auth/free`, { headers: { 'x-test-address': '203.0.113.7' } })).status).toBe(200);
  });

  it('refuses with rate_limited and Retry-After, and leaves the fields of the tier alone', async () => {
    for (let i = 0; i < 5; i++) {
      const passed = await post('login');
      expect([
        passed.status,
        passed.headers.get('ratelimit-limit'),
        passed.headers.get('x-ratelimit-limit-sign_in'),
      ]).toEqual([200, '100', null]);
    }
    const refused = await post('login');
    expect(refused.status).toBe(429);
    expect(await refused.json()).toEqual({ code: 'rate_limited' });
    expect(refused.headers.get('ratelimit-limit')).toBe('100');
    expect(refused.headers.get('ratelimit-remaining')).toBe('99');
    expect([...refused.headers.keys()].filter((name) => name.startsWith('retry-after'))).toEqual(['retry-after']);
    const wait = Number(refused.headers.get('retry-after'));
    expect(wait).toBeGreaterThanOrEqual(55);
    expect(wait).toBeLessThanOrEqual(60);
  });

  it('keys by the address of the chain, IPv6 by /64, and by the peer without a chain', async () => {
    const answers = Array.from({ length: 8 }, (_, i) => post('login', {}, `2001:db8:1:2::${i + 1}`));
    expect(await statuses(answers)).toEqual([...Array(5).fill(200), ...Array(3).fill(429)]);
    expect((await post('login', {}, '2001:db8:1:3::1')).status).toBe(200);
    expect(await statuses(Array.from({ length: 6 }, () => post('login')))).toEqual([...Array(5).fill(200), 429]);
  });

  it('counts refreshes by the session in the token, whatever the address and generation', async () => {
    const [one, two] = [uuidv7(), uuidv7()];
    const answers = Array.from({ length: 6 }, (_, i) =>
      post('refresh', { refresh_token: `${one}.${i}.mac${i}` }, `203.0.113.${i}`),
    );
    expect(await statuses(answers)).toEqual([200, 200, 200, 429, 429, 429]);
    expect((await post('refresh', { refresh_token: `${two}.1.mac` }, '203.0.113.1')).status).toBe(200);
  });

  it.each([
    ['no body field', {}],
    ['a number', { refresh_token: 7 }],
    ['no dot', { refresh_token: 'x'.repeat(5000) }],
    ['an endless session', { refresh_token: `${'a'.repeat(65)}.1.mac` }],
    ['other characters', { refresh_token: '../../etc/passwd.1.mac' }],
    ['a list', [{ refresh_token: `${uuidv7()}.1.mac` }]],
  ])('counts refreshes by address for %s', async (_name, body) => {
    const answers = Array.from({ length: 4 }, () => post('refresh', body, '203.0.113.7'));
    expect(await statuses(answers)).toEqual([200, 200, 200, 429]);
    expect((await post('refresh', body, '203.0.113.8')).status).toBe(200);
    expect((await post('login', {}, '203.0.113.7')).status).toBe(200);
  });

  if (where === 'in this process') {
    it('opens again at the end of the window, which refused requests do not move', async () => {
      for (let i = 0; i < 5; i++) await post('login');
      clock.ms += 59_000;
      expect((await post('login')).headers.get('retry-after')).toBe('1');
      clock.ms += 1_000;
      expect((await post('login')).status).toBe(200);
    });
  }
});
