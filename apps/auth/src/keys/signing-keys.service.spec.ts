import { createPublicKey, verify } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { JwtService } from '@nestjs/jwt';
import { tokenConfig } from '@nexus/auth-guards';
import { ConfigError, loadConfig, platformConfig } from '@nexus/config';
import { publicJwk } from '@nexus/contracts';
import type { Database } from '@nexus/database';
import { createLogger, MemoryDestination } from '@nexus/observability';
import { openTestPlatform, type TestPlatform } from '@nexus/testing';
import type { AuthConfig } from '../auth.config.js';
import { authService } from '../index.js';
import { DerivedKeys } from '../secrets/derived-keys.service.js';
import { AccessTokens } from './access-tokens.service.js';
import { KeySeal } from './key-seal.service.js';
import { SigningKeysRepository } from './signing-keys.repository.js';
import { SigningKeys } from './signing-keys.service.js';

const DAY = 86_400_000;
const MINUTE = 60_000;
const SECRET = 'a secret of tests only, long enough';

let platform: TestPlatform;
let db: Database;
let repository: SigningKeysRepository;
let now: number;
const opened: SigningKeys[] = [];

beforeAll(async () => {
  platform = await openTestPlatform([authService]);
  db = platform.databases.get('auth');
  repository = new SigningKeysRepository(db);
}, 30_000);

afterAll(async () => {
  await platform.close();
});

beforeEach(async () => {
  now = Date.parse('2026-01-01T00:00:00.000Z');
  await db.query('DELETE FROM auth.signing_keys');
});

afterEach(async () => {
  for (const keys of opened.splice(0)) await keys.onModuleDestroy();
});

/** The keys as one process sees them. */
function process(secret = SECRET): SigningKeys {
  const config = { AUTH_SECRET: secret, SIGNING_KEY_AGE_DAYS: 90 } as AuthConfig;
  const logger = createLogger({
    service: 'auth',
    version: '0',
    environment: 'test',
    level: 'debug',
    destination: new MemoryDestination(),
  });
  const keys = new SigningKeys(
    db,
    repository,
    new KeySeal(new DerivedKeys(config)),
    { now: () => now },
    config,
    logger,
  );
  opened.push(keys);
  return keys;
}

const kids = async (keys: SigningKeys) => (await keys.published()).map(({ kid }) => kid);

describe('SigningKeys', () => {
  it('makes the first key, which signs at once', async () => {
    const keys = process();
    await keys.onServiceStart();
    const published = await keys.published();
    expect(published).toHaveLength(1);
    expect(publicJwk.strict().parse(published[0])).toEqual(published[0]);
    expect((await keys.current()).kid).toBe(published[0]?.kid);
  });

  it('makes one key although several processes start at once, and all use it', async () => {
    const processes = Array.from({ length: 6 }, () => process());
    await Promise.all(processes.map((keys) => keys.onServiceStart()));
    const all = await Promise.all(processes.map((keys) => kids(keys)));
    expect(new Set(all.flat()).size).toBe(1);
    const current = await Promise.all(processes.map((keys) => keys.current()));
    expect(new Set(current.map(({ kid }) => kid)).size).toBe(1);
  });

  it('keeps no private key in the clear', async () => {
    await process().onServiceStart();
    const [row] = await repository.inUse(new Date(now));
    expect(JSON.stringify(row?.jwk)).not.toContain('"d"');
    expect(row?.sealed.includes(Buffer.from('301306072a8648ce3d0201', 'hex'))).toBe(false);
  });

  it('replaces a key by age: publishes the next one first, and keeps the old one while its tokens live', async () => {
    const [one, two] = [process(), process()];
    await one.onServiceStart();
    await two.onServiceStart();
    const [first] = await kids(one);
    now += 90 * DAY - 1;
    await one.refresh();
    expect(await kids(one)).toEqual([first]);
    now += 1;
    await one.refresh();
    const [, second] = await kids(one);
    expect(await kids(one)).toEqual([first, second]);
    expect((await one.current()).kid).toBe(first);
    // The other process has it before anybody signs with it.
    now += 30_000;
    await two.refresh();
    expect(await kids(two)).toEqual([first, second]);
    now += 30_000;
    expect((await one.current()).kid).toBe(second);
    expect((await two.current()).kid).toBe(second);
    // The last token of the first key may be an hour and a minute from its end.
    now += 61 * MINUTE;
    expect(await kids(one)).toEqual([first, second]);
    now += MINUTE;
    expect(await kids(one)).toEqual([second]);
    expect(await repository.removeRetired(new Date(now + 1))).toBe(1);
    expect(await kids(two)).toEqual([second]);
  });

  it('makes one successor although several processes are due at once', async () => {
    const processes = [process(), process(), process()];
    await Promise.all(processes.map((keys) => keys.onServiceStart()));
    now += 91 * DAY;
    await Promise.all(processes.map((keys) => keys.refresh()));
    expect(await repository.inUse(new Date(now))).toHaveLength(2);
  });

  it('never signs with a view of the keys that is older than a minute', async () => {
    const [active, paused] = [process(), process()];
    await active.onServiceStart();
    await paused.onServiceStart();
    now += 91 * DAY;
    await active.refresh();
    now += MINUTE + 1;
    expect((await paused.current()).kid).toBe((await active.current()).kid);
  });

  it('does not start with another secret, says so, and loses nothing', async () => {
    const keys = process();
    await keys.onServiceStart();
    const before = await kids(keys);
    const refused = process('another secret of tests, long enough').onServiceStart();
    await expect(refused).rejects.toThrow(ConfigError);
    await expect(refused).rejects.toThrow(/^The configuration is not usable: AUTH_SECRET is not the one/);
    now += 91 * DAY;
    await expect(process('another secret of tests, long enough').onServiceStart()).rejects.toThrow(ConfigError);
    expect((await repository.inUse(new Date(now))).map(({ kid }) => kid)).toEqual(before);
    await process().onServiceStart();
  });

  it('goes on with the keys it has while the database is away', async () => {
    const keys = process();
    await keys.onServiceStart();
    const before = await keys.current();
    const spy = jest.spyOn(repository, 'inUse').mockRejectedValue(new Error('no connection'));
    now += 59_000;
    expect(await keys.current()).toBe(before);
    now += 2_000;
    await expect(keys.current()).rejects.toThrow('no connection');
    spy.mockRestore();
    expect((await keys.current()).kid).toBe(before.kid);
  });
});

describe('AccessTokens', () => {
  it('signs what the guard expects', async () => {
    const keys = process();
    await keys.onServiceStart();
    const config = loadConfig([platformConfig, tokenConfig], {
      PUBLIC_URL: 'https://api.example.com/',
      ACCESS_TOKEN_TTL_SECONDS: '60',
    });
    const tokens = new AccessTokens(new JwtService({}), keys, config.get(tokenConfig), config.get(platformConfig));
    const token = await tokens.issue({
      userId: 'u',
      role: 'admin',
      sessionId: 's',
      sessionVersion: 3,
      amr: ['pwd'],
      issuedAt: 1_000,
      expiresAt: 1_000 + tokens.ttl,
    });
    const [head = '', claims = '', signature = ''] = token.split('.');
    const read = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>;
    const [jwk] = await keys.published();
    expect(read(head)).toEqual({ alg: 'ES256', typ: 'JWT', kid: jwk?.kid });
    expect(read(claims)).toEqual({
      iss: 'https://api.example.com',
      aud: 'nexus',
      sub: 'u',
      sid: 's',
      sv: 3,
      role: 'admin',
      scope: '',
      amr: ['pwd'],
      iat: 1_000,
      exp: 1_060,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    const key = createPublicKey({ key: { ...jwk }, format: 'jwk' });
    const signed = Buffer.from(`${head}.${claims}`);
    expect(verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url'))).toBe(
      true,
    );
  });
});
