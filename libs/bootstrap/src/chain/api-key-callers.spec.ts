import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { AccessTokenVerifier, newApiKey, RevocationList } from '@nexus/auth-guards';
import type { ApiKeys, ExchangedKey } from '@nexus/contracts';
import { AppError, type CallContext, errors, uuidv7 } from '@nexus/kernel';
import { TEST_ISSUER, TokenMint, testServiceContext } from '@nexus/testing';
import { ApiKeyCallers, type KeyCaller } from './api-key-callers.js';

interface StoredKey {
  readonly id: string;
  readonly owner: string;
  version: number;
  role: string;
  usable: boolean;
}

const LIFE_SECONDS = 60;
const USABLE_SECONDS = 50;
let now = 0;

/** What auth does, in memory. */
class KeyStore implements ApiKeys {
  readonly mint = new TokenMint();
  readonly keys = new Map<string, StoredKey>();
  readonly asked: string[] = [];
  /** Answers instead. */
  behave: (() => Promise<{ exchanged: ExchangedKey | null }>) | undefined;
  /** Called between reading a key and signing its token. */
  meanwhile: (() => void) | undefined;

  add(): string {
    const key = newApiKey();
    this.keys.set(key, { id: uuidv7(), owner: uuidv7(), version: 1, role: 'user', usable: true });
    return key;
  }

  of(key: string): StoredKey {
    return this.keys.get(key) as StoredKey;
  }

  async exchange(_ctx: CallContext, { key }: { key: string }): Promise<{ exchanged: ExchangedKey | null }> {
    this.asked.push(key);
    if (this.behave) return this.behave();
    const stored = this.keys.get(key);
    if (!stored?.usable) return { exchanged: null };
    const { id, owner, role, version } = stored;
    const meanwhile = this.meanwhile;
    this.meanwhile = undefined;
    meanwhile?.();
    const exp = Math.floor(now / 1000) + LIFE_SECONDS;
    const token = this.mint.token({ sub: owner, sid: id, api_key: id, role, sv: version, scope: 'files:read', exp });
    return { exchanged: { token, expires_in: USABLE_SECONDS } };
  }

  revoke(key: string): void {
    const { id } = this.of(key);
    this.keys.delete(key);
    this.mint.revoke(id);
  }

  /** As a change of role, or a lock, does. */
  outdate(key: string, change: Partial<StoredKey>): void {
    const stored = this.of(key);
    Object.assign(stored, change, { version: stored.version + 1 });
    this.mint.revoke(stored.id, stored.version);
  }
}

let store: KeyStore;
let list: RevocationList;
let callers: ApiKeyCallers;

const context = () => testServiceContext('gateway');

beforeEach(async () => {
  now = Date.now();
  store = new KeyStore();
  list = new RevocationList(store.mint, context, () => now);
  await list.start();
  const options = { issuer: TEST_ISSUER, audience: 'nexus', graceMs: 30_000, now: () => now };
  const verifier = new AccessTokenVerifier(store.mint, list, context, options);
  callers = new ApiKeyCallers(store, verifier, context, () => now);
});

afterEach(() => list.close());

/** The code of the refusal, or the owner of the key. */
async function outcome(key: string): Promise<string> {
  try {
    return (await callers.find(key)).actor.id;
  } catch (error) {
    if (error instanceof AppError) return error.code;
    throw error;
  }
}

describe('callers with API keys', () => {
  test('are known the second time, without a promise and without asking', async () => {
    const key = store.add();
    const { id, owner } = store.of(key);
    const first = await callers.find(key);
    expect(first.actor).toMatchObject({ kind: 'user', id: owner, keyId: id, sessionId: id, scopes: ['files:read'] });
    for (let i = 0; i < 100; i++) expect(callers.find(key)).toEqual(first);
    expect(store.asked).toEqual([key]);
  });

  test('who come at once ask once', async () => {
    const [key, other] = [store.add(), store.add()];
    const found = await Promise.all(Array.from({ length: 200 }, (_, i) => callers.find(i % 2 ? key : other)));
    expect(new Set(found.map(({ actor }) => actor.id))).toEqual(new Set([store.of(key).owner, store.of(other).owner]));
    expect(store.asked.sort()).toEqual([key, other].sort());
  });

  test('get a new token at half of its life, behind their requests, and wait for one at its end', async () => {
    const key = store.add();
    const first = await callers.find(key);
    now += 29_999;
    expect(callers.find(key)).toEqual(first);
    expect(store.asked).toHaveLength(1);
    now += 1;
    expect(callers.find(key)).toEqual(first);
    expect(callers.find(key)).toEqual(first);
    expect(store.asked).toHaveLength(2);
    await new Promise((resolve) => setImmediate(resolve));
    const second = await callers.find(key);
    expect(second.token).not.toBe(first.token);
    now += 50_000;
    const third = callers.find(key);
    expect(third).toBeInstanceOf(Promise);
    expect((await third).token).not.toBe(second.token);
    expect(store.asked).toHaveLength(3);
  });

  test('are served with the token they have while auth is away, and ask once a second', async () => {
    const key = store.add();
    const { owner } = store.of(key);
    await callers.find(key);
    const start = now;
    store.behave = () => Promise.reject(errors.unavailable());
    for (now += 30_000; store.asked.length < 5; now += 100) expect(await outcome(key)).toBe(owner);
    expect(now - start).toBe(33_100);
    now += 20_000;
    expect(await outcome(key)).toBe('unavailable');
    store.behave = undefined;
    expect(await outcome(key)).toBe(owner);
  });

  test('whose key ends are refused at once, and the token that they had too', async () => {
    const key = store.add();
    await callers.find(key);
    store.revoke(key);
    expect(await outcome(key)).toBe('api_key_invalid');
    expect(store.asked).toHaveLength(2);
  });

  test('whose role changes have the new one at once', async () => {
    const key = store.add();
    expect((await callers.find(key)).actor.role).toBe('user');
    store.outdate(key, { role: 'admin' });
    expect((await callers.find(key)).actor.role).toBe('admin');
  });

  test('who are locked out are refused at once, and let in a second after they may come again', async () => {
    const key = store.add();
    const { owner } = store.of(key);
    await callers.find(key);
    store.outdate(key, { usable: false });
    expect(await outcome(key)).toBe('api_key_invalid');
    store.of(key).usable = true;
    now += 1_000;
    expect(await outcome(key)).toBe(owner);
  });

  test('are refused when the key ends while its token is made, and have the new role when that changes', async () => {
    const [ended, changed] = [store.add(), store.add()];
    store.meanwhile = () => store.revoke(ended);
    expect(await outcome(ended)).toBe('api_key_invalid');
    store.meanwhile = () => store.outdate(changed, { role: 'admin' });
    expect((await callers.find(changed)).actor.role).toBe('admin');
  });

  test('have no token of a person for longer than its life, whatever the clock of auth says', async () => {
    const key = store.add();
    const exp = Math.floor(now / 1000) - 1;
    store.behave = async () => ({ exchanged: { token: store.mint.token({ exp }), expires_in: USABLE_SECONDS } });
    expect(await outcome(key)).toBe('api_key_invalid');
  });
});

describe('keys that nobody has', () => {
  test('are asked about once a second', async () => {
    const key = newApiKey();
    for (let i = 0; i < 50; i++) expect(await outcome(key)).toBe('api_key_invalid');
    expect(store.asked).toHaveLength(1);
    now += 1_000;
    expect(await outcome(key)).toBe('api_key_invalid');
    expect(store.asked).toHaveLength(2);
  });

  test('do not displace those that somebody has', async () => {
    const key = store.add();
    const { owner } = store.of(key);
    await callers.find(key);
    for (let i = 0; i < 30_000; i++) await outcome(newApiKey());
    store.asked.length = 0;
    expect(await outcome(key)).toBe(owner);
    expect(store.asked).toEqual([]);
  }, 30_000);

  test('are not asked about when they cannot be keys', async () => {
    const key = newApiKey();
    for (const text of ['', 'nx_', 'nx_nobody', `${key}x`, key.slice(0, -1), 'ключ', `${key}, ${key}`])
      expect(await outcome(text)).toBe('api_key_invalid');
    expect(store.asked).toEqual([]);
  });

  test('are asked about so many at a time and no more', async () => {
    let answer: ((value: { exchanged: null }) => void)[] = [];
    store.behave = () => new Promise((resolve) => answer.push(resolve));
    const known = store.add();
    const waiting = Array.from({ length: 300 }, () => outcome(newApiKey()));
    expect(answer).toHaveLength(256);
    expect(await outcome(known)).toBe('overloaded');
    for (const one of answer.splice(0)) one({ exchanged: null });
    const codes = await Promise.all(waiting);
    expect(codes.filter((code) => code === 'overloaded')).toHaveLength(44);
    expect(codes.filter((code) => code === 'api_key_invalid')).toHaveLength(256);
    store.behave = undefined;
    answer = [];
    expect(await outcome(known)).toBe(store.of(known).owner);
  });
});

describe('without an answer of auth', () => {
  test.each([
    ['away', () => errors.unavailable(), 'unavailable'],
    ['slow', () => errors.timed_out(), 'unavailable'],
    ['busy', () => errors.overloaded(), 'unavailable'],
    ['talking nonsense', () => errors.bad_gateway(), 'unavailable'],
  ])('nothing is said of a key: auth is %s', async (_what, fault, code) => {
    const key = store.add();
    store.behave = () => Promise.reject(fault());
    expect(await outcome(key)).toBe(code);
    // Nothing is remembered of it.
    store.behave = undefined;
    expect(await outcome(key)).toBe(store.of(key).owner);
  });

  test('a fault of ours stays one', async () => {
    const fault = new Error('a mistake');
    store.behave = () => Promise.reject(fault);
    await expect(Promise.resolve(callers.find(store.add()))).rejects.toBe(fault);
  });

  test('those who wait are told alike', async () => {
    const key = store.add();
    store.behave = () => Promise.reject(errors.unavailable());
    const found = await Promise.allSettled(Array.from({ length: 20 }, async () => callers.find(key)));
    expect(found.map(({ status }) => status)).toEqual(Array(20).fill('rejected'));
    expect(store.asked).toHaveLength(1);
  });

  test('keys are not let in when revocations cannot be known', async () => {
    const key = store.add();
    await callers.find(key);
    const silent = new RevocationList(store.mint, context, () => now);
    const verifier = new AccessTokenVerifier(store.mint, silent, context, {
      issuer: TEST_ISSUER,
      audience: 'nexus',
      graceMs: 30_000,
    });
    const strict = new ApiKeyCallers(store, verifier, context);
    await expect(strict.find(key) as Promise<KeyCaller>).rejects.toMatchObject({ code: 'unavailable' });
  });
});
