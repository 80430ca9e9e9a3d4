import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Revocation } from '@nexus/contracts';
import type { Database } from '@nexus/database';
import { uuidv7 } from '@nexus/kernel';
import { createLogger, MemoryDestination } from '@nexus/observability';
import { eventually, openTestPlatform, type TestPlatform } from '@nexus/testing';
import { authService } from '../index.js';
import { AuthClock } from '../time/auth-clock.service.js';
import { RevocationStream } from './revocation-stream.service.js';
import { RevocationsRepository } from './revocations.repository.js';

let platform: TestPlatform;
let db: Database;
let repository: RevocationsRepository;
let log: MemoryDestination;
let stream: RevocationStream;
let heard: number[];

beforeAll(async () => {
  platform = await openTestPlatform([authService]);
  db = platform.databases.get('auth');
  repository = new RevocationsRepository(db);
}, 30_000);

afterAll(async () => {
  await platform.close();
});

beforeEach(async () => {
  log = new MemoryDestination();
  const logger = createLogger({ service: 'auth', version: '0', environment: 'test', level: 'debug', destination: log });
  stream = new RevocationStream(repository, new AuthClock(), logger);
  heard = [];
  stream.subscribe((entry) => void heard.push(entry.seq));
});

afterEach(async () => {
  await stream.onModuleDestroy();
});

function append(count = 1): Promise<Revocation[]> {
  const entries = Array.from({ length: count }, () => ({
    sessionId: uuidv7(),
    minVersion: null,
    expiresAt: new Date(Date.now() + 900_000),
  }));
  return db.transaction((tx) => repository.append(tx, entries));
}

const seqs = (entries: readonly Revocation[]) => entries.map(({ seq }) => seq);

describe('RevocationStream', () => {
  it('tells each entry once, in order, although the later one is announced first', async () => {
    await stream.onServiceStart();
    const one = await append(2);
    const two = await append();
    await stream.announce(two);
    expect(heard).toEqual(seqs([...one, ...two]));
    await stream.announce(one);
    expect(heard).toEqual(seqs([...one, ...two]));
  });

  it('has told everything before an announcement is done', async () => {
    await stream.onServiceStart();
    const from = await repository.head();
    const announcements = await Promise.all(
      Array.from({ length: 30 }, async () => {
        const written = await append();
        await stream.announce(written);
        return { seq: written[0]?.seq ?? 0, heard: [...heard] };
      }),
    );
    for (const { seq, heard: then } of announcements) {
      expect(then.slice(0, seq - from)).toEqual(Array.from({ length: seq - from }, (_, i) => from + 1 + i));
    }
    expect(heard).toHaveLength(30);
  });

  it('is done with an announcement when everybody has taken it and all before it, and tells others meanwhile', async () => {
    await stream.onServiceStart();
    const slow: { seq: number; take: () => void }[] = [];
    const leave = stream.subscribe(({ seq }) => new Promise((resolve) => void slow.push({ seq, take: resolve })));
    const done: string[] = [];
    const [one, two] = [await append(2), await append()];
    // The second tells what the first will announce.
    const announcements = [
      stream.announce(two).then(() => done.push('two')),
      stream.announce(one).then(() => done.push('one')),
    ];
    await eventually(() => slow.length === 3, 'it is told');
    expect([seqs(slow as never), heard]).toEqual([seqs([...one, ...two]), seqs([...one, ...two])]);
    for (const { take } of slow.slice(0, 2)) take();
    await stream.catchUp();
    expect(done).toEqual([]);
    slow[2]?.take();
    await Promise.all(announcements);
    // Who has left is not waited for.
    leave();
    await stream.announce(await append());
    expect([slow.length, heard.length]).toEqual([3, 4]);
  });

  it('goes on when a promise of a listener is broken', async () => {
    await stream.onServiceStart();
    stream.subscribe(() => Promise.reject(new Error('broken')));
    await stream.announce(await append());
    await stream.announce(await append());
    expect(heard).toHaveLength(2);
  });

  it('finds what another process wrote, within a second', async () => {
    await stream.onServiceStart();
    const others = await append(3);
    const deadline = Date.now() + 1_000;
    while (heard.length < 3 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(heard).toEqual(seqs(others));
  });

  it('does not tell again what was there before it started', async () => {
    await append(2);
    await stream.onServiceStart();
    await stream.catchUp();
    expect(heard).toEqual([]);
  });

  it('goes on when a listener fails, and no longer calls one that has left', async () => {
    await stream.onServiceStart();
    const leave = stream.subscribe(() => {
      throw new Error('listener broke');
    });
    const last: number[] = [];
    stream.subscribe((entry) => void last.push(entry.seq));
    const one = await append();
    await stream.announce(one);
    expect(last).toEqual(seqs(one));
    expect(log.records()).toHaveLength(1);
    leave();
    await stream.announce(await append());
    expect(log.records()).toHaveLength(1);
    expect(last).toHaveLength(2);
  });

  it('tells what is announced even when what lies before cannot be read, and what is missing later', async () => {
    await stream.onServiceStart();
    const missed = await append();
    const told = await append();
    const head = repository.head.bind(repository);
    repository.head = () => Promise.reject(new Error('no connection'));
    await stream.announce(told);
    expect(heard).toEqual(seqs(told));
    expect(log.records()).toHaveLength(1);
    repository.head = head;
    // The verifier has seen the gap and asked for itself; the stream does not go back.
    await stream.catchUp();
    expect(heard).not.toContain(missed[0]?.seq);
  });

  it('says when it cannot know what others have revoked, and when it does again', async () => {
    const signs: string[] = [];
    const watch = {
      lost: () => void signs.push('lost'),
      opened: () => void signs.push('opened'),
      beat: () => void signs.push('beat'),
    };
    const leave = stream.subscribe(() => undefined, watch);
    await stream.catchUp();
    expect(signs).toEqual(['beat']);
    const head = repository.head.bind(repository);
    repository.head = () => Promise.reject(new Error('no connection'));
    await stream.catchUp();
    await stream.catchUp();
    const late: string[] = [];
    stream.subscribe(() => undefined, { ...watch, lost: () => void late.push('lost') })();
    expect([signs, late]).toEqual([['beat', 'lost'], ['lost']]);
    repository.head = head;
    await stream.catchUp();
    leave();
    await stream.catchUp();
    expect(signs).toEqual(['beat', 'lost', 'opened', 'beat']);
  });
});
