import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type PublicJwk, type Revocation, type StreamWatch, TokenTrust } from '@nexus/contracts';
import { type CallContext, errors, uuidv7 } from '@nexus/kernel';
import { eventually, TEST_ISSUER, TokenMint, testServiceContext } from '@nexus/testing';
import { AccessTokenVerifier, RevocationList } from './index.js';

/** Auth in another process, as the spec wants it to be. */
class FarTrust extends TokenTrust {
  readonly asked: { readonly ctx: CallContext; readonly after: number }[] = [];
  readonly entries: Revocation[] = [];
  listener: (entry: Revocation) => void = () => undefined;
  watch: StreamWatch | undefined;
  /** Runs before each answer. */
  trouble: (() => Promise<void> | void) | undefined;

  add(): Revocation {
    const entry = {
      seq: this.entries.length + 1,
      session_id: uuidv7(),
      min_version: null,
      expires_at: new Date(now + 900_000).toISOString(),
    };
    this.entries.push(entry);
    return entry;
  }

  tell(entry: Revocation): void {
    this.listener(entry);
    this.watch?.beat();
  }

  async keys(): Promise<{ keys: PublicJwk[] }> {
    return { keys: [] };
  }

  async revocations(ctx: CallContext, { after }: { after: number }) {
    this.asked.push({ ctx, after });
    const answer = { entries: this.entries.filter((entry) => entry.seq > after), head: this.entries.length };
    await this.trouble?.();
    return answer;
  }

  subscribe(listener: (entry: Revocation) => void, watch?: StreamWatch): () => void {
    this.listener = listener;
    this.watch = watch;
    watch?.lost();
    return () => undefined;
  }
}

let now: number;
let trust: FarTrust;
let list: RevocationList;

beforeEach(() => {
  now = Date.now();
  trust = new FarTrust();
  list = new RevocationList(
    trust,
    () => testServiceContext('spec'),
    () => now,
  );
});

afterEach(() => list.close());

const turn = () => new Promise((resolve) => setImmediate(resolve));
const known = (entry: Revocation) => list.isRevoked(entry.session_id, 1);

describe('a stream from another process', () => {
  test('is asked for what it missed before it began, and after each break', async () => {
    await list.start();
    const before = trust.add();
    trust.watch?.opened();
    await eventually(() => known(before), 'it has asked');
    expect(list.unsureMs()).toBe(0);
    trust.watch?.lost();
    const meanwhile = trust.add();
    now += 500;
    trust.watch?.opened();
    // As long as the answer is not there, it may have missed what happened since it last heard something.
    expect([known(meanwhile), list.unsureMs()]).toEqual([false, 500]);
    await turn();
    expect([known(meanwhile), list.unsureMs()]).toEqual([true, 0]);
    expect(trust.asked.map(({ after }) => after)).toEqual([0, 0, 1]);
  });

  test('may be silent for a second, no longer; the clock decides, not a timer', async () => {
    await list.start();
    trust.watch?.opened();
    await turn();
    trust.trouble = () => Promise.reject(errors.unavailable());
    now += 900;
    trust.watch?.beat();
    now += 1_000;
    expect(list.unsureMs()).toBe(0);
    now += 1;
    expect(list.unsureMs()).toBe(1_001);
    now += 60_000;
    expect(list.unsureMs()).toBe(61_001);
    trust.watch?.beat();
    expect(list.unsureMs()).toBe(0);
  });

  test('is as young as its last sign of life says, however late that is read', async () => {
    await list.start();
    trust.watch?.opened();
    await turn();
    trust.trouble = () => Promise.reject(errors.unavailable());
    now += 900;
    trust.watch?.beat(300);
    now += 700;
    expect(list.unsureMs()).toBe(0);
    now += 1;
    expect(list.unsureMs()).toBe(1_001);
    // As after a freeze: what lay there unread is told in one go, and says nothing of the time since.
    now += 10_000;
    for (const ageMs of [10_800, 10_400, 10_000]) trust.watch?.beat(ageMs);
    expect(list.unsureMs()).toBe(10_000);
    trust.watch?.beat(400);
    trust.watch?.beat(9_000);
    expect(list.unsureMs()).toBe(0);
  });

  test('that stays silent is asked again and again, and each answer counts as of its question', async () => {
    await list.start();
    trust.watch?.opened();
    await turn();
    const entry = trust.add();
    now += 5_000;
    expect(list.unsureMs()).toBe(5_000);
    await eventually(() => known(entry), 'it asks by itself');
    expect(list.unsureMs()).toBe(0);
    let refused = 0;
    trust.trouble = () => {
      refused++;
      return Promise.reject(errors.unavailable());
    };
    now += 5_000;
    await eventually(() => refused >= 3, 'it asks again');
    expect(list.unsureMs()).toBe(5_000);
    trust.trouble = undefined;
    await eventually(() => list.unsureMs() === 0, 'it is answered');
  });

  test('that is never there leaves it asking: what is revoked counts within two seconds', async () => {
    const live = new RevocationList(trust, () => testServiceContext('spec'));
    await live.start();
    let worst = 0;
    for (let i = 0; i < 3; i++) {
      const entry = trust.add();
      await eventually(() => {
        worst = Math.max(worst, live.unsureMs());
        return live.isRevoked(entry.session_id, 1);
      }, 'it has asked');
    }
    expect(worst).toBeLessThan(5_000);
    expect(trust.asked.length).toBeLessThan(15);
    live.close();
  });

  test('is sure in the end although every answer takes longer than the time between two looks', async () => {
    trust.trouble = () => new Promise((resolve) => setTimeout(resolve, 400));
    const live = new RevocationList(trust, () => testServiceContext('spec'));
    await live.start();
    trust.watch?.opened();
    await eventually(() => live.unsureMs() === 0, 'it is sure');
    await eventually(() => live.unsureMs() > 0, 'it is silent');
    await eventually(() => live.unsureMs() === 0, 'it is sure again');
    live.close();
  });

  test('that goes on while an answer is under way is asked once more', async () => {
    await list.start();
    const held = Promise.withResolvers<void>();
    trust.trouble = () => held.promise;
    trust.watch?.opened();
    const late = trust.add();
    trust.watch?.lost();
    trust.watch?.opened();
    trust.trouble = undefined;
    held.resolve();
    await eventually(() => known(late), 'it is asked again');
    expect(list.unsureMs()).toBe(0);
  });

  test('waits two seconds for an answer, not longer', async () => {
    await list.start();
    trust.watch?.opened();
    await turn();
    const [first, second] = trust.asked.map(({ ctx }) => ctx.deadline - Date.now());
    expect(first).toBeGreaterThan(10_000);
    expect(second).toBeLessThanOrEqual(2_000);
  });

  test('tells what an answer told already without harm', async () => {
    await list.start();
    trust.watch?.opened();
    const entries = Array.from({ length: 5 }, () => trust.add());
    trust.watch?.opened();
    await eventually(() => known(entries[4] as Revocation), 'it has asked');
    const { length } = trust.asked;
    for (const entry of entries) trust.tell(entry);
    trust.tell(trust.add());
    await turn();
    expect([list.unsureMs(), trust.asked.length, list.size]).toEqual([0, length, 6]);
  });
});

describe('whoever follows the list', () => {
  test('is told of each session once, whether it was told or asked for, and until the follower stops', async () => {
    const early = trust.add();
    const heard: string[] = [];
    const stop = list.follow((session) => heard.push(session));
    await list.start();
    trust.watch?.opened();
    await turn();
    const told = trust.add();
    trust.tell(told);
    trust.tell(told);
    trust.watch?.lost();
    const missed = trust.add();
    trust.watch?.opened();
    await eventually(() => known(missed), 'it has asked');
    expect(heard).toEqual([early, told, missed].map(({ session_id }) => session_id));
    stop();
    trust.tell(trust.add());
    expect(heard).toHaveLength(3);
  });

  test('is told again when more tokens of the session count no more, and only then', async () => {
    const heard: boolean[] = [];
    const entry = trust.add();
    trust.entries.length = 0;
    list.follow((session) => heard.push(list.isRevoked(session, 2)));
    await list.start();
    for (const min_version of [2, 1, 3, 2, null, 3]) trust.tell({ ...entry, min_version });
    expect(heard).toEqual([false, true, true]);
  });
});

describe('a list that could not begin', () => {
  test('lets nobody in until it is answered', async () => {
    const mint = new TokenMint();
    trust.trouble = () => Promise.reject(errors.unavailable());
    const verifier = new AccessTokenVerifier(mint, list, () => testServiceContext('spec'), {
      issuer: TEST_ISSUER,
      audience: 'nexus',
      graceMs: 30_000,
      now: () => now,
    });
    const token = mint.token();
    await expect(list.start()).rejects.toMatchObject({ code: 'unavailable' });
    expect(list.unsureMs()).toBe(Number.POSITIVE_INFINITY);
    await expect(Promise.resolve(verifier.verify(token))).rejects.toMatchObject({ code: 'unavailable' });
    trust.trouble = undefined;
    await eventually(() => list.unsureMs() === 0, 'it is answered');
    expect(await verifier.verify(token)).toMatchObject({ kind: 'user' });
  });

  test('asks nobody any more once it is closed', async () => {
    trust.trouble = () => Promise.reject(errors.unavailable());
    await expect(list.start()).rejects.toMatchObject({ code: 'unavailable' });
    list.close();
    const { length } = trust.asked;
    trust.watch?.opened();
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(trust.asked.length).toBe(length);
  });
});

test('a provider in the same process is never silent', async () => {
  const near = new RevocationList(
    new TokenMint(),
    () => testServiceContext('spec'),
    () => now,
  );
  await near.start();
  now += 3_600_000;
  expect(near.unsureMs()).toBe(0);
  near.close();
});
