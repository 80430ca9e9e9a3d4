import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { Database, Transaction } from '@nexus/database';
import { uuidv7 } from '@nexus/kernel';
import { openTestPlatform, type TestPlatform } from '@nexus/testing';
import fc from 'fast-check';
import { notificationService } from '../index.js';
import { InboxRepository } from './inbox.repository.js';

jest.setTimeout(30_000);

describe('inboxes', () => {
  let platform: TestPlatform;
  let db: Database;
  let inboxes: InboxRepository;

  beforeAll(async () => {
    platform = await openTestPlatform([notificationService]);
    db = platform.databases.get('notification');
    inboxes = new InboxRepository(db);
  });

  afterAll(() => platform.close());

  const entry = (userId: string, title = 'T') => ({
    id: uuidv7(),
    userId,
    category: 'project',
    title,
    body: '',
    data: {},
  });
  const add = (userId: string, title?: string) => db.transaction((tx) => inboxes.insert(tx, entry(userId, title)));

  it('gives places in the order of commits, so that a reader who goes on from a place misses nothing', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ hold: fc.integer({ min: 0, max: 6 }), fails: fc.boolean() }), {
          minLength: 2,
          maxLength: 6,
        }),
        async (writers) => {
          const userId = uuidv7();
          const committed: string[] = [];
          const writing = writers.map(async ({ hold, fails }, i) => {
            const work = async (tx: Transaction) => {
              await inboxes.insert(tx, entry(userId, `${i}`));
              for (let turn = 0; turn < hold; turn++) await tx.query('SELECT 1');
              if (fails) throw new Error('no');
            };
            await db.transaction(work).then(
              () => committed.push(`${i}`),
              () => undefined,
            );
          });
          let over = false;
          const all = Promise.all(writing).then(() => {
            over = true;
          });
          const seen: string[] = [];
          let place = '0';
          for (let last = false; ; ) {
            const rows = await inboxes.after(userId, place, 2);
            seen.push(...rows.map(({ title }) => title));
            place = rows.at(-1)?.seq ?? place;
            if (rows.length > 0) continue;
            if (last) break;
            last = over;
          }
          await all;
          expect(seen.toSorted()).toEqual(committed.toSorted());
          const listed = await inboxes.list(userId, { sort: 'created_at', limit: 100 });
          expect(listed.items.map(({ title }) => title)).toEqual(seen);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('lists in the order of commits, however fast they come and whatever the ids and the clock say', async () => {
    const userId = uuidv7();
    await db.transaction(async (tx) => {
      // Ids made in the opposite order, all within a few milliseconds.
      const entries = Array.from({ length: 30 }, (_, i) => entry(userId, `${29 - i}`)).toReversed();
      for (const [i, next] of entries.entries()) {
        await inboxes.insert(tx, next);
        if (i === 15) await tx.query(`UPDATE notification.inboxes SET last_at = last_at + interval '1 hour'`);
      }
    });
    const { items } = await inboxes.list(userId, { sort: 'created_at', limit: 100 });
    expect(items.map(({ title }) => title)).toEqual(Array.from({ length: 30 }, (_, i) => `${i}`));
    expect(new Set(items.map(({ created_at }) => created_at.getTime())).size).toBe(30);
  });

  it('lists stably, with exact totals, while others write', async () => {
    const userId = uuidv7();
    for (let i = 0; i < 25; i++) await add(userId, `${i}`);
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await inboxes.list(userId, { sort: '-created_at', limit: 10, cursor });
      expect(page.total).toBe(25 + seen.length / 10);
      seen.push(...page.items.map(({ title }) => title));
      cursor = page.nextCursor ?? undefined;
      await add(userId, 'later');
    } while (cursor);
    expect(seen).toEqual(Array.from({ length: 25 }, (_, i) => `${24 - i}`));
  });

  it('lets many mark and add at once without a deadlock, and counts what was unread', async () => {
    const userId = uuidv7();
    for (let i = 0; i < 40; i++) await add(userId);
    const work = Array.from({ length: 12 }, (_, i) =>
      i % 3 === 0 ? add(userId).then(() => 0) : db.transaction((tx) => inboxes.markAllRead(tx, userId)),
    );
    const marked = (await Promise.all(work)).reduce((sum, count) => sum + count, 0);
    expect(marked + (await inboxes.unreadCount(userId))).toBe(44);
  });

  it('finds where a reader left off, also when that entry is gone', async () => {
    const userId = uuidv7();
    expect(await inboxes.lastPlace(userId)).toBe('0');
    expect(await inboxes.placeOf(userId, uuidv7())).toBe('0');
    for (let i = 0; i < 3; i++) await add(userId);
    const [first, second, third] = await inboxes.after(userId, '0', 10);
    expect(await inboxes.placeOf(userId, second!.id)).toBe('2');
    await db.query('DELETE FROM notification.notifications WHERE id = $1', [second!.id]);
    expect(await inboxes.placeOf(userId, second!.id)).toBe(first!.seq);
    expect(await inboxes.placeOf(userId, uuidv7())).toBe(third!.seq);
    expect(await inboxes.placeOf(uuidv7(), third!.id)).toBe('0');
    expect(await inboxes.lastPlace(userId)).toBe('3');
  });
});
