import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type ProjectAccess, ProjectDirectory } from '@nexus/contracts';
import type { Database } from '@nexus/database';
import { uuidv4, uuidv7 } from '@nexus/kernel';
import { openTestService, type TestService, testContext, testUser } from '@nexus/testing';
import { fileService } from '../index.js';
import { ObjectStore } from '../storage/object-store.port.js';
import { UploadLedger } from '../uploads/upload-ledger.service.js';
import { Sweeper } from './sweeper.service.js';

class NoProjects extends ProjectDirectory {
  async access(): Promise<ProjectAccess> {
    return { role: null };
  }
}

describe('Sweeper', () => {
  let service: TestService;
  let folder: string;
  let database: Database;
  let store: ObjectStore;
  let sweeper: Sweeper;
  let ledger: UploadLedger;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nexus-files-'));
    service = await openTestService(fileService, {
      ports: [[ProjectDirectory, new NoProjects()]],
      env: { NEXUS_DATA_DIR: folder, FILE_TRASH_DAYS: '30' },
    });
    database = service.platform.databases.get('file');
    store = service.get(ObjectStore);
    sweeper = service.get(Sweeper);
    ledger = service.get(UploadLedger);
    await store.prepare();
  }, 30_000);
  afterEach(async () => {
    await service.close();
    await rm(folder, { recursive: true });
  });

  const rows = (table: string) => database.query(`SELECT * FROM file.${table}`);
  const temporary = () => readdir(join(folder, 'objects', 'tmp'));

  async function write(key: string, commit: boolean): Promise<void> {
    const sink = await store.begin(key);
    await pipeline(Readable.from([Buffer.from('content')]), sink.stream);
    if (commit) await sink.commit();
  }

  async function makeFile(ownerId: string, trashedDaysAgo?: number): Promise<string> {
    const key = await ledger.begin(ownerId, undefined);
    await write(key, true);
    const uploaded = {
      ownerId,
      projectId: null,
      name: 'a',
      size: 7,
      contentType: 'text/plain',
      detectedType: undefined,
      sha256: 'a'.repeat(64),
      objectKey: key,
    };
    await ledger.complete(testContext(testUser({ id: ownerId })), uploaded, undefined);
    if (trashedDaysAgo !== undefined) {
      await database.query(
        `UPDATE file.files SET status = 'trashed', trashed_at = now() - $2 * interval '1 day' WHERE object_key = $1`,
        [key, trashedDaysAgo],
      );
    }
    return key;
  }

  const age = (key: string, seconds: number) =>
    database.query(`UPDATE file.uploads SET heartbeat_at = now() - $2 * interval '1 second' WHERE object_key = $1`, [
      key,
      seconds,
    ]);

  it('gives up uploads without a sign of life, written or half written, and leaves the living alone', async () => {
    const [half, whole, alive] = [
      await ledger.begin(uuidv7(), undefined),
      await ledger.begin(uuidv7(), undefined),
      await ledger.begin(uuidv7(), undefined),
    ];
    await write(half, false);
    await write(whole, true);
    await write(alive, false);
    await age(half, 31);
    await age(whole, 31);
    await age(alive, 25);
    expect(await sweeper.sweep()).toEqual({ uploads: 2, purged: 0, objects: 2, remains: 0 });
    expect(await temporary()).toEqual([alive]);
    expect(await store.stat(whole)).toBeUndefined();
    expect(await rows('uploads')).toHaveLength(1);
    expect(await rows('removals')).toEqual([]);
    await expect(ledger.touch(half)).rejects.toMatchObject({ code: 'unavailable' });
    await ledger.touch(alive);
  });

  it('keeps an upload that was given up from becoming a file', async () => {
    const ownerId = uuidv7();
    const key = await ledger.begin(ownerId, undefined);
    const sink = await store.begin(key);
    await pipeline(Readable.from([Buffer.from('content')]), sink.stream);
    await age(key, 31);
    await sweeper.sweep();
    await expect(sink.commit()).rejects.toThrow();
    const uploaded = {
      ownerId,
      projectId: null,
      name: 'a',
      size: 7,
      contentType: 'a/b',
      detectedType: undefined,
      sha256: 'a'.repeat(64),
      objectKey: key,
    };
    await expect(ledger.complete(testContext(), uploaded, undefined)).rejects.toMatchObject({ code: 'unavailable' });
    expect([await rows('files'), await rows('usage')]).toEqual([[], []]);
  });

  it('takes up a removal that somebody began and did not finish', async () => {
    const [gone, there] = [uuidv4(), uuidv4()];
    await write(there, true);
    await database.query('INSERT INTO file.removals (object_key) VALUES ($1), ($2)', [gone, there]);
    expect((await sweeper.sweep()).objects).toBe(2);
    expect(await store.stat(there)).toBeUndefined();
    expect(await rows('removals')).toEqual([]);
  });

  it('clears old remains without an upload, and nothing else', async () => {
    const [old, young, known] = [uuidv4(), uuidv4(), await ledger.begin(uuidv7(), undefined)];
    for (const key of [old, young, known]) await writeFile(join(folder, 'objects', 'tmp', key), 'x');
    const past = new Date(Date.now() - 31_000);
    for (const key of [old, known]) await utimes(join(folder, 'objects', 'tmp', key), past, past);
    expect((await sweeper.sweep()).remains).toBe(1);
    expect((await temporary()).sort()).toEqual([young, known].sort());
  });

  it('never takes an object from its file, whatever lies under its key', async () => {
    const key = await makeFile(uuidv7());
    await writeFile(join(folder, 'objects', 'tmp', key), 'x');
    const past = new Date(Date.now() - 31_000);
    await utimes(join(folder, 'objects', 'tmp', key), past, past);
    expect((await sweeper.sweep()).remains).toBe(1);
    expect(await store.stat(key)).toEqual({ size: 7 });
  });

  it('empties the trash after 30 days and gives the space back once, with several sweepers at work', async () => {
    const [one, two] = [uuidv7(), uuidv7()];
    const kept = [await makeFile(one), await makeFile(one, 29), await makeFile(two)];
    const gone = await Promise.all(Array.from({ length: 12 }, (_, i) => makeFile(i % 2 === 0 ? one : two, 31)));
    const swept = await Promise.all([sweeper.sweep(), sweeper.sweep(), sweeper.sweep()]);
    expect(swept.reduce((sum, { purged }) => sum + purged, 0)).toBe(12);
    await sweeper.sweep();
    const usage = await database.query('SELECT user_id, bytes, files FROM file.usage');
    expect(usage).toHaveLength(2);
    expect(usage).toEqual(
      expect.arrayContaining([
        { user_id: one, bytes: '14', files: 2 },
        { user_id: two, bytes: '7', files: 1 },
      ]),
    );
    expect((await rows('files')).map((row) => row.object_key).sort()).toEqual([...kept].sort());
    for (const key of gone) expect(await store.stat(key)).toBeUndefined();
    for (const key of kept) expect(await store.stat(key)).toEqual({ size: 7 });
    const audit = await database.query(`SELECT actor_id FROM audit.records WHERE action = 'file.purged'`);
    expect(audit).toEqual(Array(12).fill({ actor_id: 'service:file' }));
  });

  it('works through more than one batch', async () => {
    const ownerId = uuidv7();
    await database.query(
      `INSERT INTO file.files (id, owner_id, name, search, size, content_type, sha256, object_key, status, trashed_at)
       SELECT gen_random_uuid(), $1, 'a', '', 1, 'a/b', repeat('a', 64), gen_random_uuid(), 'trashed', now() - interval '40 days'
       FROM generate_series(1, 250)`,
      [ownerId],
    );
    await database.query('INSERT INTO file.usage VALUES ($1, 250, 250)', [ownerId]);
    expect(await sweeper.sweep()).toMatchObject({ purged: 250, objects: 250 });
    expect(await rows('usage')).toEqual([{ user_id: ownerId, bytes: '0', files: 0 }]);
  });

  it('sweeps from the start on and stops with the process', async () => {
    const key = await ledger.begin(uuidv7(), undefined);
    await age(key, 31);
    await sweeper.onServiceStart();
    const deadline = Date.now() + 25_000;
    while ((await rows('uploads')).length + (await rows('removals')).length > 0) {
      if (Date.now() > deadline) throw new Error('Nobody sweeps');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await sweeper.beforeApplicationShutdown();
  });

  it('goes on after a round that failed, and says so', async () => {
    const broken = new Error('disk');
    const unfinished = store.unfinished.bind(store);
    store.unfinished = () => {
      throw broken;
    };
    await sweeper.onServiceStart();
    await sweeper.beforeApplicationShutdown();
    store.unfinished = unfinished;
    expect(service.log.lines.join('\n')).toContain('the next round will try again');
  });
});
