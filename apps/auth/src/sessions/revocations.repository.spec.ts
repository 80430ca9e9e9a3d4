import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Database } from '@nexus/database';
import { uuidv7 } from '@nexus/kernel';
import { openTestPlatform, type TestPlatform } from '@nexus/testing';
import { authService } from '../index.js';
import { RevocationsRepository } from './revocations.repository.js';

const LATER = new Date(Date.now() + 900_000);
const PAST = new Date(Date.now() - 1_000);
const ANY = new Date(0);

let platform: TestPlatform;
let db: Database;
let revocations: RevocationsRepository;

beforeAll(async () => {
  platform = await openTestPlatform([authService]);
  db = platform.databases.get('auth');
  revocations = new RevocationsRepository(db);
}, 30_000);

afterAll(async () => {
  await platform.close();
});

const entry = (expiresAt = LATER, minVersion: number | null = null) => ({ sessionId: uuidv7(), minVersion, expiresAt });

describe('RevocationsRepository', () => {
  it('numbers entries from 1, in their order', async () => {
    expect(await revocations.head()).toBe(0);
    expect(await revocations.since(0, ANY)).toEqual({ entries: [], head: 0 });
    const entries = [entry(), entry(LATER, 4), entry()];
    const written = await db.transaction((tx) => revocations.append(tx, entries));
    expect(written).toEqual(
      entries.map((one, i) => ({
        seq: i + 1,
        session_id: one.sessionId,
        min_version: one.minVersion,
        expires_at: LATER.toISOString(),
      })),
    );
    expect(await revocations.since(0, ANY)).toEqual({ entries: written, head: 3 });
    expect(await revocations.since(2, ANY)).toEqual({ entries: written.slice(2), head: 3 });
    expect(await revocations.since(3, ANY)).toEqual({ entries: [], head: 3 });
  });

  it('writes nothing for nothing', async () => {
    const before = await revocations.head();
    expect(await db.transaction((tx) => revocations.append(tx, []))).toEqual([]);
    expect(await revocations.head()).toBe(before);
  });

  it('gives the numbers of a rollback to the next one', async () => {
    const before = await revocations.head();
    const lost = db.transaction(async (tx) => {
      const written = await revocations.append(tx, [entry(), entry()]);
      expect(written.map(({ seq }) => seq)).toEqual([before + 1, before + 2]);
      throw new Error('changed my mind');
    });
    await expect(lost).rejects.toThrow('changed my mind');
    expect(await revocations.head()).toBe(before);
    const [kept] = await db.transaction((tx) => revocations.append(tx, [entry()]));
    expect(kept?.seq).toBe(before + 1);
  });

  it('leaves no gap and no double under concurrent commits and rollbacks, and commits in the order of the numbers', async () => {
    const before = await revocations.head();
    const committed: number[] = [];
    const outcomes = await Promise.allSettled(
      Array.from({ length: 60 }, (_, i) =>
        db.transaction(async (tx) => {
          const written = await revocations.append(
            tx,
            Array.from({ length: 1 + (i % 3) }, () => entry()),
          );
          if (i % 4 === 1) throw new Error('rolled back');
          tx.afterCommit(() => {
            committed.push(...written.map(({ seq }) => seq));
          });
          return written;
        }),
      ),
    );
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(15);
    const { entries, head } = await revocations.since(before, ANY);
    const seqs = entries.map(({ seq }) => seq);
    expect(seqs).toEqual(Array.from({ length: head - before }, (_, i) => before + 1 + i));
    expect(committed.toSorted((a, b) => a - b)).toEqual(seqs);
  });

  it('never shows a number before the ones below it', async () => {
    const before = await revocations.head();
    let watching = true;
    const gaps: number[][] = [];
    const watch = (async () => {
      while (watching) {
        const { entries, head } = await revocations.since(before, ANY);
        if (entries.length !== head - before) gaps.push(entries.map(({ seq }) => seq));
      }
    })();
    await Promise.all(Array.from({ length: 40 }, () => db.transaction((tx) => revocations.append(tx, [entry()]))));
    watching = false;
    await watch;
    expect(gaps).toEqual([]);
    expect(await revocations.head()).toBe(before + 40);
  });

  it('leaves out what can matter no more, and still tells the newest number', async () => {
    const before = await revocations.head();
    const written = await db.transaction((tx) => revocations.append(tx, [entry(PAST), entry(), entry(PAST)]));
    expect(await revocations.since(before, new Date())).toEqual({ entries: [written[1]], head: before + 3 });
    expect(await revocations.removeExpired(new Date())).toBe(2);
    expect(await revocations.since(before, ANY)).toEqual({ entries: [written[1]], head: before + 3 });
  });
});
