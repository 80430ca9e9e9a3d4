import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Database } from '@nexus/database';
import { AppError, uuidv7 } from '@nexus/kernel';
import { openTestPlatform, type TestPlatform } from '@nexus/testing';
import { authService } from '../index.js';
import { type ApiKey, ApiKeysRepository, type NewApiKeyRow } from './api-keys.repository.js';

const NOW = Date.UTC(2026, 5, 1, 12);
const MINUTE = 60_000;
const at = (ms: number) => new Date(NOW + ms);

let platform: TestPlatform;
let db: Database;
let keys: ApiKeysRepository;
let userId: string;
let made = 0;

beforeAll(async () => {
  platform = await openTestPlatform([authService]);
  db = platform.databases.get('auth');
  keys = new ApiKeysRepository(db);
}, 30_000);

afterAll(() => platform.close());

beforeEach(async () => {
  userId = uuidv7();
  await db.query(
    `INSERT INTO auth.accounts (id, email, password_hash, created_at, updated_at) VALUES ($1, $2, 'x', now(), now())`,
    [userId, `${userId}@example.com`],
  );
});

const digestOf = (text: string) => createHash('sha256').update(text).digest('base64url');

async function add(changes: Partial<NewApiKeyRow> = {}): Promise<ApiKey & { digest: string }> {
  made += 1;
  const row = {
    id: uuidv7(),
    userId,
    name: `Key ${made}`,
    prefix: `nx_${made}`,
    digest: digestOf(`${made}`),
    scopes: ['files:read', 'projects:read'],
    createdAt: at(made),
    expiresAt: null,
    ...changes,
  };
  return { ...(await db.transaction((tx) => keys.insert(tx, row))), digest: row.digest };
}

const account = (change: string) => db.query(`UPDATE auth.accounts SET ${change} WHERE id = $1`, [userId]);

describe('ApiKeysRepository', () => {
  it('finds a key by its digest as long as it can be used', async () => {
    const key = await add({ expiresAt: at(MINUTE) });
    const { id, scopes } = key;
    const held = { id, userId, scopes, version: 1, expiresAt: at(MINUTE), lastUsedAt: null, role: 'user' };
    expect(await keys.held(key.digest, at(0))).toEqual(held);
    expect(await keys.held(key.digest, at(MINUTE - 1))).toEqual(held);
    expect(await keys.held(key.digest, at(MINUTE))).toBeUndefined();
    expect(await keys.held(digestOf('another'), at(0))).toBeUndefined();
    expect(await keys.held('', at(0))).toBeUndefined();
    await account(`role = 'admin'`);
    expect(await keys.held(key.digest, at(0))).toEqual({ ...held, role: 'admin' });
    for (const [bar, lift] of [
      ['locked_at = now()', 'locked_at = NULL'],
      [`status = 'deactivated'`, `status = 'active'`],
    ] as const) {
      await account(bar);
      expect(await keys.held(key.digest, at(0))).toBeUndefined();
      await account(lift);
      expect(await keys.held(key.digest, at(0))).toBeDefined();
    }
    await db.query('DELETE FROM auth.accounts WHERE id = $1', [userId]);
    expect(await keys.held(key.digest, at(0))).toBeUndefined();
  });

  it('keeps no key twice, and none without scopes', async () => {
    const { digest } = await add();
    await expect(add({ digest })).rejects.toMatchObject({ code: '23505' });
    await expect(add({ scopes: [] })).rejects.toMatchObject({ code: '23514' });
  });

  it('lists those of one person by their age, in pages that fit together', async () => {
    const own = [await add(), await add(), await add({ expiresAt: at(-1) })].map(({ id }) => id);
    const other = userId;
    userId = uuidv7();
    expect(await keys.page(userId, { sort: '-created_at', limit: 2 })).toEqual({
      items: [],
      limit: 2,
      nextCursor: null,
      total: 0,
    });
    const first = await keys.page(other, { sort: '-created_at', limit: 2 });
    expect(first.items.map(({ id }) => id)).toEqual([own[2], own[1]]);
    expect(first.items[0]).not.toHaveProperty('digest');
    expect(first.total).toBe(3);
    const cursor = first.nextCursor as string;
    const second = await keys.page(other, { sort: '-created_at', limit: 2, cursor });
    expect(second.items.map(({ id }) => id)).toEqual([own[0]]);
    expect(second.nextCursor).toBeNull();
    const oldest = await keys.page(other, { sort: 'created_at', limit: 3 });
    expect(oldest.items.map(({ id }) => id)).toEqual(own);
    for (const wrong of ['', 'x', `${cursor}x`])
      await expect(keys.page(other, { sort: '-created_at', limit: 2, cursor: wrong })).rejects.toThrow(AppError);
    await expect(keys.page(userId, { sort: '-created_at', limit: 2, cursor })).rejects.toThrow(AppError);
  });

  it('counts those that have not expired', async () => {
    await add();
    await add({ expiresAt: at(0) });
    await add({ expiresAt: at(1) });
    expect(await db.transaction((tx) => keys.countLiving(tx, userId, at(0)))).toBe(2);
    expect(await db.transaction((tx) => keys.countLiving(tx, uuidv7(), at(0)))).toBe(0);
  });

  it('removes a key of its owner, and nobody else’s', async () => {
    const { digest, ...key } = await add();
    expect(await db.transaction((tx) => keys.remove(tx, uuidv7(), key.id))).toBeUndefined();
    expect(await keys.held(digest, at(0))).toBeDefined();
    expect(await db.transaction((tx) => keys.remove(tx, userId, key.id))).toEqual(key);
    expect(await keys.held(digest, at(0))).toBeUndefined();
    expect(await db.transaction((tx) => keys.remove(tx, userId, key.id))).toBeUndefined();
  });

  it('gives all keys of a person their next version, also when many do it at once', async () => {
    const own = [await add(), await add(), await add()];
    await Promise.all(Array.from({ length: 6 }, () => db.transaction((tx) => keys.outdate(tx, userId))));
    const outdated = await db.transaction((tx) => keys.outdate(tx, userId));
    expect(new Map(outdated.map(({ id, version }) => [id, version]))).toEqual(new Map(own.map(({ id }) => [id, 8])));
    expect((await keys.held(own[0]?.digest as string, at(0)))?.version).toBe(8);
  });

  it('notes a use once in a while, whoever notes it', async () => {
    const [one, two] = [await add(), await add()] as const;
    const note = (...uses: [ApiKey, number][]) =>
      keys.noteUses(new Map(uses.map(([key, ms]) => [key.id, at(ms)])), MINUTE);
    const seen = async () => {
      const { items } = await keys.page(userId, { sort: 'created_at', limit: 10 });
      return items.map(({ lastUsedAt }) => (lastUsedAt === null ? null : lastUsedAt.getTime() - NOW));
    };
    await note([one, 0]);
    expect(await seen()).toEqual([0, null]);
    await note([one, MINUTE - 1], [two, 5]);
    expect(await seen()).toEqual([0, 5]);
    await note([one, MINUTE], [two, 0]);
    expect(await seen()).toEqual([MINUTE, 5]);
    await keys.noteUses(new Map([[uuidv7(), at(0)]]), MINUTE);
    // Behind somebody who ends the key: not waited for.
    await db.transaction(async (tx) => {
      await keys.remove(tx, userId, one.id);
      await note([one, 9 * MINUTE], [two, 9 * MINUTE]);
    });
    expect(await seen()).toEqual([9 * MINUTE]);
  });

  it('removes what expired long ago, so many at a time', async () => {
    const far = Date.UTC(2001, 0, 1);
    await Promise.all(Array.from({ length: 5 }, (_, i) => add({ expiresAt: new Date(far + i) })));
    await add();
    const before = new Date(far + 4);
    expect(await keys.removeExpired(before, 3)).toBe(3);
    expect(await keys.removeExpired(before, 3)).toBe(1);
    expect(await keys.removeExpired(before, 3)).toBe(0);
    expect((await keys.page(userId, { sort: 'created_at', limit: 10 })).total).toBe(2);
  });
});
