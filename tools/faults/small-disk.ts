import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';

const FILLER = 'filler';
const BIG = Buffer.alloc(4 * 1024 * 1024);
const SMALL = Buffer.alloc(4096);

/** A folder on a file system of its own that can be filled up, where this user may mount one; else an ordinary folder. */
export class SmallDisk {
  readonly folder: string;
  readonly isMounted: boolean;

  /** @param sizeMiB enough for what is kept there while all is well */
  constructor(folder: string, sizeMiB: number) {
    this.folder = folder;
    mkdirSync(folder, { recursive: true, mode: 0o711 });
    const args = ['-t', 'tmpfs', '-o', `size=${sizeMiB}m,mode=711`, 'none', folder];
    this.isMounted =
      process.platform === 'linux' &&
      process.getuid?.() === 0 &&
      spawnSync('mount', args, { stdio: 'ignore' }).status === 0;
  }

  /** Leaves no room for a single byte. */
  async fill(): Promise<void> {
    if (!this.isMounted) throw new Error(`${this.folder} shares its disk with others, and is not to be filled up`);
    const filler = await open(path.join(this.folder, FILLER), 'a');
    try {
      for (const piece of [BIG, SMALL]) {
        while (await hasRoom(() => filler.write(piece))) {
          // The rest of a piece that did not fit whole is for the smaller ones.
        }
      }
    } finally {
      await filler.close();
    }
  }

  /** There is room again. */
  free(): void {
    rmSync(path.join(this.folder, FILLER), { force: true });
  }

  remove(): void {
    if (this.isMounted) unmount(this.folder);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function hasRoom(write: () => Promise<unknown>): Promise<boolean> {
  try {
    await write();
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return false;
    throw error;
  }
}

/** Also one that is still in use somewhere: it goes when it is not any more. */
export function unmount(folder: string): void {
  spawnSync('umount', ['--lazy', folder], { stdio: 'ignore' });
}
