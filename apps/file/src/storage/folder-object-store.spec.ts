import type { FileHandle } from 'node:fs/promises';
import * as real from 'node:fs/promises';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { jest } from '@jest/globals';
import { uuidv4 } from '@nexus/kernel';

/** What the disk does to the next file that is opened for writing. */
let trouble: Partial<Pick<FileHandle, 'writev' | 'sync'>> & { open?: () => never } = {};

jest.unstable_mockModule('node:fs/promises', () => ({
  ...real,
  open: async (path: string, flags: string, mode: number) => {
    if (flags !== 'wx') return real.open(path, flags, mode);
    trouble.open?.();
    const handle = await real.open(path, flags, mode);
    const { writev, sync } = trouble;
    if (writev) handle.writev = writev.bind(handle) as FileHandle['writev'];
    if (sync) handle.sync = sync.bind(handle);
    return handle;
  },
}));
const { FolderObjectStore } = await import('./folder-object-store.js');
const { StorageFullError } = await import('./object-store.port.js');

const fault = (code: string) => Object.assign(new Error(code), { code });

describe('FolderObjectStore and its disk', () => {
  let root: string;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'nexus-objects-'));
    trouble = {};
  });
  afterEach(() => rm(root, { recursive: true }));

  async function put(content: Buffer): Promise<string> {
    const store = new FolderObjectStore(root);
    await store.prepare();
    const key = uuidv4();
    const sink = await store.begin(key);
    try {
      await pipeline(Readable.from([content]), sink.stream);
      await sink.commit();
    } catch (error) {
      await sink.abort();
      throw error;
    }
    return key;
  }

  it.each([
    [
      'opening',
      {
        open: () => {
          throw fault('ENOSPC');
        },
      },
    ],
    ['writing', { writev: () => Promise.reject(fault('ENOSPC')) }],
    ['writing over a quota', { writev: () => Promise.reject(fault('EDQUOT')) }],
    ['making durable', { sync: () => Promise.reject(fault('ENOSPC')) }],
  ] as const)('says that it is full when %s, and leaves nothing', async (_, what) => {
    trouble = what as typeof trouble;
    await expect(put(Buffer.from('content'))).rejects.toBeInstanceOf(StorageFullError);
    expect(await readdir(join(root, 'tmp'))).toEqual([]);
  });

  it('passes other faults on as they are', async () => {
    trouble = { writev: () => Promise.reject(fault('EIO')) };
    await expect(put(Buffer.from('content'))).rejects.toMatchObject({ code: 'EIO' });
    expect(await readdir(join(root, 'tmp'))).toEqual([]);
  });

  it('goes on after a short write', async () => {
    trouble = {
      writev(this: FileHandle, buffers: readonly NodeJS.ArrayBufferView[], position?: number | null) {
        const first = Buffer.concat(buffers as readonly Uint8Array[]).subarray(0, 1000);
        return this.write(first, 0, first.length, position ?? null).then(({ bytesWritten }) => ({
          bytesWritten,
          buffers: [...buffers],
        }));
      },
    } as typeof trouble;
    const content = Buffer.from(Array.from({ length: 10_500 }, (_, i) => i % 256));
    const key = await put(content);
    expect((await buffer(await new FolderObjectStore(root).open(key))).equals(content)).toBe(true);
  });

  it('says in one sentence that its folder cannot be used', async () => {
    const blocked = join(root, 'a-file');
    await writeFile(blocked, '');
    await expect(new FolderObjectStore(join(blocked, 'objects')).prepare()).rejects.toThrow(
      /^The folder .*objects cannot be used to store files \(ENOTDIR\): set NEXUS_DATA_DIR\.$/,
    );
  });

  it('is not confused by what others put into its folder', async () => {
    const store = new FolderObjectStore(root);
    await store.prepare();
    await writeFile(join(root, 'tmp', 'note.txt'), 'x');
    const found: unknown[] = [];
    for await (const entry of store.unfinished()) found.push(entry);
    expect(found).toEqual([]);
  });
});
