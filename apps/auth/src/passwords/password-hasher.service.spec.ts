import { beforeEach, describe, expect, it } from '@jest/globals';
import type { CallContext } from '@nexus/kernel';
import { testContext } from '@nexus/testing';
import { hash, parseOptions } from '@node-rs/argon2';
import type { AuthConfig } from '../auth.config.js';
import { Argon2Loader } from './argon2.service.js';
import { PasswordHasher } from './password-hasher.service.js';

const ctx = testContext();

function config(changes: Partial<AuthConfig> = {}): AuthConfig {
  return {
    ARGON2_MEMORY_KIB: 64,
    ARGON2_TIME: 1,
    ARGON2_PARALLELISM: 1,
    PASSWORD_HASHES_AT_ONCE: 2,
    PASSWORD_HASH_QUEUE: 3,
    ...changes,
  } as AuthConfig;
}

/** A hasher whose checks wait until they are let go, and are counted. */
class Gate {
  readonly hasher: PasswordHasher;
  readonly checked: string[] = [];
  running = 0;
  most = 0;
  private readonly held: (() => void)[] = [];

  constructor(changes: Partial<AuthConfig> = {}) {
    const held = async (against: string | Uint8Array) => {
      this.checked.push(String(against));
      this.running += 1;
      this.most = Math.max(this.most, this.running);
      await new Promise<void>((resolve) => this.held.push(resolve));
      this.running -= 1;
      return true;
    };
    const loader = new Argon2Loader();
    loader.load = () => Promise.resolve({ hash, parseOptions, verify: held });
    this.hasher = new PasswordHasher(loader, config(changes));
  }

  verify(context: CallContext = ctx): Promise<boolean> {
    return this.hasher.verify(context, 'hash', 'password');
  }

  /** Lets everything through, also what only starts then. */
  async release(until: Promise<unknown>): Promise<void> {
    let open = true;
    void until.catch(() => undefined).finally(() => (open = false));
    while (open) {
      for (const go of this.held.splice(0)) go();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async started(count: number): Promise<void> {
    while (this.checked.length < count) await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('PasswordHasher', () => {
  let hasher: PasswordHasher;

  beforeEach(async () => {
    hasher = new PasswordHasher(new Argon2Loader(), config());
    await hasher.onServiceStart();
  });

  it('makes argon2id hashes with the configured parameters, each with its own salt', async () => {
    const [one, two] = await Promise.all([hasher.hash(ctx, 'same password'), hasher.hash(ctx, 'same password')]);
    expect(one).toMatch(/^\$argon2id\$v=19\$m=64,t=1,p=1\$/);
    expect(one).not.toBe(two);
    expect(await hasher.verify(ctx, one, 'same password')).toBe(true);
    expect(await hasher.verify(ctx, two, 'other password')).toBe(false);
  });

  it('takes the same text typed on two keyboards for the same password', async () => {
    const made = await hasher.hash(ctx, 'caf\u00e9 ﬁne');
    expect(await hasher.verify(ctx, made, 'cafe\u0301 fine')).toBe(true);
    expect(await hasher.verify(ctx, made, 'cafe fine')).toBe(false);
  });

  it('knows which hashes were made with other parameters', async () => {
    const made = await hasher.hash(ctx, 'password');
    expect(await hasher.isOutdated(made)).toBe(false);
    for (const change of [{ ARGON2_MEMORY_KIB: 128 }, { ARGON2_TIME: 2 }, { ARGON2_PARALLELISM: 2 }]) {
      expect(await new PasswordHasher(new Argon2Loader(), config(change)).isOutdated(made)).toBe(true);
    }
    const weaker = await hash('password', { memoryCost: 64, timeCost: 1, algorithm: 0 });
    expect(await hasher.isOutdated(weaker)).toBe(true);
  });

  it('does the same work when there is no hash, and never says yes', async () => {
    const gate = new Gate();
    await gate.hasher.onServiceStart();
    const known = gate.hasher.verify(ctx, await hasher.hash(ctx, 'password'), 'password');
    const unknown = gate.hasher.verify(ctx, undefined, 'password');
    await gate.release(Promise.all([known, unknown]));
    expect(await known).toBe(true);
    expect(await unknown).toBe(false);
    const costs = gate.checked.map((checked) => {
      const { algorithm, memoryCost, timeCost, parallelism, outputLen } = parseOptions(checked);
      return { algorithm, memoryCost, timeCost, parallelism, outputLen };
    });
    expect(costs).toHaveLength(2);
    expect(costs[0]).toEqual(costs[1]);
  });

  it('computes only so many at once, refuses beyond the queue, and serves the rest in order', async () => {
    const gate = new Gate();
    const all = Array.from({ length: 5 }, () => gate.verify());
    await expect(gate.verify()).rejects.toMatchObject({ code: 'overloaded', headers: { 'retry-after': '1' } });
    await gate.started(2);
    expect(gate.running).toBe(2);
    await gate.release(Promise.all(all));
    expect(gate.checked).toHaveLength(5);
    expect(gate.most).toBe(2);
    const after = gate.verify();
    await gate.release(after);
    expect(await after).toBe(true);
  });

  it('leaves the queue when the caller is gone', async () => {
    const gate = new Gate({ PASSWORD_HASHES_AT_ONCE: 1 });
    const first = gate.verify();
    const caller = new AbortController();
    const gone = gate.verify(testContext(undefined, { signal: caller.signal }));
    caller.abort();
    await expect(gone).rejects.toMatchObject({ code: 'timed_out' });
    const second = gate.verify();
    await gate.release(Promise.all([first, second]));
    expect(gate.checked).toHaveLength(2);
  });

  it('does no work for which nobody waits any more', async () => {
    const gate = new Gate();
    await expect(gate.verify(testContext(undefined, { deadline: Date.now() - 1 }))).rejects.toMatchObject({
      code: 'timed_out',
    });
    await expect(gate.verify(testContext(undefined, { signal: AbortSignal.abort() }))).rejects.toMatchObject({
      code: 'timed_out',
    });
    expect(gate.checked).toHaveLength(0);
    const after = gate.verify();
    await gate.release(after);
    expect(await after).toBe(true);
  });

  it('gives the place on after a failure', async () => {
    const one = new PasswordHasher(new Argon2Loader(), config({ PASSWORD_HASHES_AT_ONCE: 1, PASSWORD_HASH_QUEUE: 1 }));
    const failing = one.verify(ctx, 'no hash at all', 'password');
    const waiting = one.hash(ctx, 'password');
    await expect(failing).rejects.toThrow();
    expect(await waiting).toMatch(/^\$argon2id/);
  });
});
