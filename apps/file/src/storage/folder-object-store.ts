import { constants } from 'node:fs';
import { access, type FileHandle, mkdir, open, opendir, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Readable, Writable } from 'node:stream';
import { isUuid } from '@nexus/kernel';
import {
  ObjectMissingError,
  type ObjectRange,
  type ObjectSink,
  ObjectStore,
  StorageFullError,
  type UnfinishedObject,
} from './object-store.port.js';

const WRITE_BUFFER_BYTES = 1024 * 1024;
const READ_CHUNK_BYTES = 128 * 1024;
const FULL = new Set(['ENOSPC', 'EDQUOT']);

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | null)?.code;
}

function explain(error: unknown): Error {
  if (FULL.has(codeOf(error) ?? '')) return new StorageFullError(error);
  return error instanceof Error ? error : new Error(String(error));
}

async function unlinkIfThere(path: string): Promise<boolean> {
  try {
    await unlink(path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/** A rename or an unlink is only durable once the folder that holds the name is. */
async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Writes a file in order and makes it durable before it says that it has finished. */
class DurableFile extends Writable {
  private position = 0;

  constructor(private readonly handle: FileHandle) {
    super({ highWaterMark: WRITE_BUFFER_BYTES, decodeStrings: true });
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    this.put([chunk]).then(
      () => done(),
      (error: unknown) => done(explain(error)),
    );
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error) => void): void {
    this.put(chunks.map(({ chunk }) => chunk)).then(
      () => done(),
      (error: unknown) => done(explain(error)),
    );
  }

  override _final(done: (error?: Error) => void): void {
    this.handle.sync().then(
      () => done(),
      (error: unknown) => done(explain(error)),
    );
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.handle.close().then(
      () => done(error),
      (fault: unknown) => done(error ?? explain(fault)),
    );
  }

  private async put(buffers: Buffer[]): Promise<void> {
    let left = buffers.reduce((sum, buffer) => sum + buffer.length, 0);
    let rest = buffers;
    while (left > 0) {
      const { bytesWritten } = await this.handle.writev(rest, this.position);
      this.position += bytesWritten;
      left -= bytesWritten;
      // A short write: the disk is about to say why.
      if (left > 0) rest = [Buffer.concat(rest).subarray(bytesWritten)];
    }
  }
}

/**
 * Objects as files of one folder: written to `tmp/<key>`, made durable, then renamed to `ab/cd/<key>`, so that a file
 * under its name is always whole. Several processes may share the folder.
 */
export class FolderObjectStore extends ObjectStore {
  private readonly temporaryFolder: string;
  /** For each of the 65,536 folders: whether this process has seen to it that its own name is durable. */
  private readonly durable = new Uint8Array(0x10000);

  constructor(private readonly root: string) {
    super();
    this.temporaryFolder = join(root, 'tmp');
  }

  async prepare(): Promise<void> {
    try {
      await mkdir(this.temporaryFolder, { recursive: true, mode: 0o700 });
      await access(this.temporaryFolder, constants.R_OK | constants.W_OK | constants.X_OK);
      await syncFolder(this.root);
      await syncFolder(dirname(this.root));
    } catch (error) {
      throw new Error(
        `The folder ${this.root} cannot be used to store files (${codeOf(error) ?? 'unknown'}): set NEXUS_DATA_DIR.`,
      );
    }
  }

  async begin(key: string): Promise<ObjectSink> {
    const path = this.temporary(key);
    let stream: DurableFile;
    try {
      stream = new DurableFile(await open(path, 'wx', 0o600));
    } catch (error) {
      throw explain(error);
    }
    return {
      stream,
      commit: async () => {
        if (!stream.writableFinished) throw new Error('An object can be committed once it is written');
        await this.place(key);
      },
      abort: async () => {
        // Destroyed streams report through whoever pipes into them.
        stream.on('error', () => undefined);
        stream.destroy();
        if (!stream.closed) await new Promise<void>((resolve) => stream.once('close', resolve));
        await unlinkIfThere(path);
      },
    };
  }

  private async place(key: string): Promise<void> {
    const path = this.final(key);
    const folder = dirname(path);
    const index = Number.parseInt(key.slice(0, 4), 16);
    try {
      if (this.durable[index] === 0) {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        await syncFolder(dirname(folder));
        await syncFolder(this.root);
        this.durable[index] = 1;
      }
      await rename(this.temporary(key), path);
      await syncFolder(folder);
    } catch (error) {
      throw explain(error);
    }
  }

  async open(key: string, range?: ObjectRange): Promise<Readable> {
    let handle: FileHandle;
    try {
      handle = await open(this.final(key), 'r');
    } catch (error) {
      if (codeOf(error) === 'ENOENT') throw new ObjectMissingError(key);
      throw error;
    }
    return handle.createReadStream({ ...range, highWaterMark: READ_CHUNK_BYTES });
  }

  async stat(key: string): Promise<{ size: number } | undefined> {
    try {
      return { size: (await stat(this.final(key))).size };
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  async delete(key: string): Promise<void> {
    // In this order: a writer that renames between the two is found by the second, one that comes later by neither.
    await this.abandon(key);
    const path = this.final(key);
    if (await unlinkIfThere(path)) await syncFolder(dirname(path));
  }

  async abandon(key: string): Promise<void> {
    await unlinkIfThere(this.temporary(key));
  }

  async *unfinished(): AsyncIterable<UnfinishedObject> {
    for await (const entry of await opendir(this.temporaryFolder)) {
      if (!entry.isFile() || !isUuid(entry.name)) continue;
      try {
        yield { key: entry.name, since: (await stat(join(this.temporaryFolder, entry.name))).mtime };
      } catch (error) {
        if (codeOf(error) !== 'ENOENT') throw error;
      }
    }
  }

  private temporary(key: string): string {
    return join(this.temporaryFolder, checked(key));
  }

  /** Two levels of folders by the first digits, so that none holds too many. */
  private final(key: string): string {
    return join(this.root, checked(key).slice(0, 2), key.slice(2, 4), key);
  }
}

/** Keys become paths: nothing but a UUID may. */
function checked(key: string): string {
  if (!isUuid(key)) throw new Error('An object key must be a UUID');
  return key;
}
