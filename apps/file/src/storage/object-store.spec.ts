import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { uuidv4 } from '@nexus/kernel';
import { FolderObjectStore } from './folder-object-store.js';
import { ObjectMissingError, type ObjectStore } from './object-store.port.js';

interface OpenStore {
  readonly store: ObjectStore;
  /** The same objects, as another process sees them. */
  readonly twin: ObjectStore;
  close(): Promise<void>;
}

/** Every adapter keeps the same promises: add it here. */
const ADAPTERS: readonly { readonly name: string; readonly open: () => Promise<OpenStore> }[] = [
  {
    name: 'FolderObjectStore',
    open: async () => {
      const root = await mkdtemp(join(tmpdir(), 'nexus-objects-'));
      const folder = join(root, 'data', 'objects');
      return {
        store: new FolderObjectStore(folder),
        twin: new FolderObjectStore(folder),
        close: () => rm(root, { recursive: true }),
      };
    },
  },
];

async function put(store: ObjectStore, content: Buffer, key = uuidv4()): Promise<string> {
  const sink = await store.begin(key);
  await pipeline(Readable.from([content]), sink.stream);
  await sink.commit();
  return key;
}

async function unfinished(store: ObjectStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.unfinished()) keys.push(key);
  return keys;
}

describe.each(ADAPTERS)('$name', ({ open }) => {
  let opened: OpenStore;
  let store: ObjectStore;

  beforeEach(async () => {
    opened = await open();
    ({ store } = opened);
    await store.prepare();
  });
  afterEach(() => opened.close());

  it('gives back what was put in, whole and in ranges', async () => {
    const content = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251));
    const key = await put(store, content);
    expect(await store.stat(key)).toEqual({ size: 300_000 });
    expect((await buffer(await store.open(key))).equals(content)).toBe(true);
    for (const [start, end] of [
      [0, 0],
      [299_999, 299_999],
      [65_535, 131_073],
      [0, 299_999],
    ] as const) {
      expect((await buffer(await store.open(key, { start, end }))).equals(content.subarray(start, end + 1))).toBe(true);
    }
  });

  it('keeps an empty object', async () => {
    const key = await put(store, Buffer.alloc(0));
    expect(await store.stat(key)).toEqual({ size: 0 });
    expect(await buffer(await store.open(key))).toHaveLength(0);
  });

  it('keeps the order of many small and some large writes', async () => {
    const chunks = Array.from({ length: 3_000 }, (_, i) => Buffer.alloc(i % 100 === 0 ? 70_000 : i % 7, i % 256));
    const key = uuidv4();
    const sink = await store.begin(key);
    await pipeline(Readable.from(chunks), sink.stream);
    await sink.commit();
    expect((await buffer(await store.open(key))).equals(Buffer.concat(chunks))).toBe(true);
  });

  it('shows nothing of an object before it is committed', async () => {
    const key = uuidv4();
    const sink = await store.begin(key);
    await pipeline(Readable.from([Buffer.from('x')]), sink.stream);
    expect(await store.stat(key)).toBeUndefined();
    await expect(store.open(key)).rejects.toBeInstanceOf(ObjectMissingError);
    expect(await unfinished(opened.twin)).toEqual([key]);
    await sink.commit();
    expect(await opened.twin.stat(key)).toEqual({ size: 1 });
    expect(await unfinished(store)).toEqual([]);
  });

  it('commits nothing that is not written to its end', async () => {
    const sink = await store.begin(uuidv4());
    sink.stream.write('half');
    await expect(sink.commit()).rejects.toThrow();
    await sink.abort();
  });

  it('leaves nothing of an aborted object, whenever that is', async () => {
    const early = await store.begin(uuidv4());
    await early.abort();
    const writing = await store.begin(uuidv4());
    writing.stream.write(Buffer.alloc(3_000_000));
    await writing.abort();
    const written = await store.begin(uuidv4());
    await pipeline(Readable.from([Buffer.from('x')]), written.stream);
    await written.abort();
    await written.abort();
    expect(await unfinished(store)).toEqual([]);
  });

  it('refuses a key that is in use for a second writer', async () => {
    const key = uuidv4();
    const first = await store.begin(key);
    await expect(store.begin(key)).rejects.toThrow();
    await first.abort();
  });

  it('fails the commit of an object that was deleted meanwhile', async () => {
    const key = uuidv4();
    const sink = await store.begin(key);
    await pipeline(Readable.from([Buffer.from('x')]), sink.stream);
    await opened.twin.delete(key);
    await expect(sink.commit()).rejects.toThrow();
    await sink.abort();
    expect(await store.stat(key)).toBeUndefined();
    expect(await unfinished(store)).toEqual([]);
  });

  it('deletes committed objects, and says nothing of those that are not there', async () => {
    const key = await put(store, Buffer.from('x'));
    await opened.twin.delete(key);
    expect(await store.stat(key)).toBeUndefined();
    await expect(store.open(key)).rejects.toBeInstanceOf(ObjectMissingError);
    await store.delete(key);
    await store.delete(uuidv4());
  });

  it('abandons what was begun, never what was committed', async () => {
    const key = await put(store, Buffer.from('x'));
    await store.abandon(key);
    expect(await store.stat(key)).toEqual({ size: 1 });
    const begun = uuidv4();
    const sink = await store.begin(begun);
    await opened.twin.abandon(begun);
    expect(await unfinished(store)).toEqual([]);
    await sink.abort();
  });

  it('lets a reader finish whose object is deleted, or refuses it, but never hands out half', async () => {
    const content = Buffer.alloc(1_000_000, 'abc');
    const key = await put(store, content);
    const stream = await store.open(key);
    await store.delete(key);
    expect((await buffer(stream)).equals(content)).toBe(true);
  });

  it('takes nothing for a key that is no UUID', async () => {
    for (const key of ['../../etc/passwd', '', 'a/b', 'ABCDEF00-0000-4000-8000-000000000000']) {
      await expect(store.begin(key)).rejects.toThrow('UUID');
      await expect(store.open(key)).rejects.toThrow('UUID');
      await expect(store.delete(key)).rejects.toThrow('UUID');
    }
  });

  it('takes twenty objects at once', async () => {
    const contents = Array.from({ length: 20 }, (_, i) => Buffer.alloc(100_000 + i, i));
    const keys = await Promise.all(contents.map((content) => put(store, content)));
    const back = await Promise.all(keys.map(async (key) => buffer(await opened.twin.open(key))));
    expect(back.every((content, i) => content.equals(contents[i] as Buffer))).toBe(true);
  });
});
