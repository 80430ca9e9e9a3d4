import { describe, expect, it } from '@jest/globals';
import { ConfigError, loadConfig } from '@nexus/config';
import { ANONYMOUS, serviceActor, type UserActor, uuidv7 } from '@nexus/kernel';
import { addressKey } from './address.js';
import { rateHeaders } from './rate-headers.js';
import { throttlingConfig } from './throttling.config.js';
import { addressLimit, tierLimit } from './tier-limit.js';

const load = (env: Record<string, string> = {}) => loadConfig([throttlingConfig], env).get(throttlingConfig);
const user = (role: 'user' | 'admin'): UserActor => ({
  kind: 'user',
  id: '01890a5d-ac96-774b-bcce-b302099a8057',
  role,
  sessionId: uuidv7(),
  sessionVersion: 1,
  scopes: [],
  amr: ['pwd'],
});

describe('the configuration', () => {
  it('has the defaults of the contract', () => {
    expect(load()).toEqual({
      RATE_LIMIT_ANONYMOUS: 100,
      RATE_LIMIT_USER: 1000,
      RATE_LIMIT_ADMIN: 5000,
      RATE_LIMIT_WINDOW_SECONDS: 60,
      RATE_LIMIT_ADDRESS: 20_000,
      RATE_LIMIT_SIGN_IN: 30,
      RATE_LIMIT_REFRESH: 60,
      TRUSTED_PROXIES: [],
      TRUSTED_PROXY_HEADER: 'x-forwarded-for',
    });
  });

  it('reports every faulty proxy with the other faults', () => {
    const attempt = () =>
      load({ TRUSTED_PROXIES: '10.0.0.0/8, nginx, 10.0.0.0/99', RATE_LIMIT_USER: '0', TRUSTED_PROXY_HEADER: 'via' });
    expect(attempt).toThrow(ConfigError);
    expect(attempt).toThrow(
      /RATE_LIMIT_USER: .*"nginx" is neither .*"10\.0\.0\.0\/99" is neither .*TRUSTED_PROXY_HEADER/s,
    );
  });
});

describe('tiers', () => {
  const config = load({ RATE_LIMIT_WINDOW_SECONDS: '10' });
  const address = addressKey('::ffff:203.0.113.7');

  it('gives user and admin one counter and limits of their own', () => {
    expect(tierLimit(config, user('user'), address)).toEqual({ key: user('user').id, limit: 1000, windowMs: 10_000 });
    expect(tierLimit(config, user('admin'), address)).toEqual({ key: user('user').id, limit: 5000, windowMs: 10_000 });
  });

  it('gives each API key of a person a counter of its own, with the limit of the person', () => {
    const keyId = uuidv7();
    const key = { ...user('admin'), sessionId: keyId, keyId, scopes: ['files:read'] };
    expect(tierLimit(config, key, address)).toEqual({ key: keyId, limit: 5000, windowMs: 10_000 });
  });

  it('counts anonymous callers by address, apart from the coarse limit, and services not at all', () => {
    expect(tierLimit(config, ANONYMOUS, address)).toEqual({ key: 'a:203.0.113.7', limit: 100, windowMs: 10_000 });
    expect(addressLimit(config, address)).toEqual({ key: '203.0.113.7', limit: 20_000, windowMs: 10_000 });
    expect(tierLimit(config, serviceActor('auth'), address)).toBeUndefined();
  });
});

describe('header fields', () => {
  it('tell limit, rest and reset', () => {
    expect(rateHeaders({ allowed: true, limit: 100, remaining: 42, resetSeconds: 17 })).toEqual({
      'ratelimit-limit': '100',
      'ratelimit-remaining': '42',
      'ratelimit-reset': '17',
    });
  });

  it('add Retry-After, the same number as the reset, to a refusal', () => {
    expect(rateHeaders({ allowed: false, limit: 100, remaining: 0, resetSeconds: 17 })).toEqual({
      'ratelimit-limit': '100',
      'ratelimit-remaining': '0',
      'ratelimit-reset': '17',
      'retry-after': '17',
    });
  });
});
