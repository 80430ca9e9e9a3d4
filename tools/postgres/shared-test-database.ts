import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { identityOf, isAlive } from '../launcher/file-lock.mjs';
import { type Postgres, startPostgres } from './embedded.ts';
import { followCluster, ownerFile } from './location.ts';
import { memoryFolder } from './memory-folder.ts';
import { stopOrphans } from './processes.ts';

/** The name of a folder tells which process it belongs to: its pid and its start time. */
const NAME = /^nexus-test-(\d+)-(\d*)-/;

export interface SharedTestDatabase {
  /** Connects as the superuser. */
  readonly url: string;
  /** Stops the server and removes its data; nothing happens when the database is somebody else's. */
  stop(): Promise<void>;
}

async function remove(folder: string): Promise<void> {
  const cluster = followCluster(folder);
  await stopOrphans(cluster, undefined);
  for (const path of [cluster, ownerFile(cluster), folder])
    rmSync(path, { recursive: true, force: true, maxRetries: 3 });
}

/** Removes what a killed run left behind. Its own watcher does that at once, unless it was killed too. */
async function removeLeftovers(parent: string): Promise<void> {
  for (const name of readdirSync(parent)) {
    const [, pid, started] = NAME.exec(name) ?? [];
    const folder = join(parent, name);
    if (!pid || statSync(folder, { throwIfNoEntry: false })?.uid !== process.getuid?.()) continue;
    if (!isAlive({ pid: Number(pid), started: started || null, boot: null })) await remove(folder);
  }
}

/**
 * One PostgreSQL for a whole run of tests, on a temporary folder and without waiting for the disk. When this process is
 * killed, the server stops and the folder goes.
 * @param options.env where `NEXUS_TEST_DATABASE_URL` is looked up first: a server that is there already is used as it is
 * @param options.parent where the temporary folder is made
 * @throws StartError
 */
export async function startSharedTestDatabase(
  options: { env?: NodeJS.ProcessEnv; parent?: string } = {},
): Promise<SharedTestDatabase> {
  const { env = process.env, parent = memoryFolder() } = options;
  const given = env.NEXUS_TEST_DATABASE_URL;
  if (given) return { url: given, stop: async () => undefined };
  await removeLeftovers(parent);
  const dataDir = mkdtempSync(join(parent, `nexus-test-${process.pid}-${identityOf().started ?? ''}-`));
  let postgres: Postgres;
  try {
    // As root, PostgreSQL runs as another account and has to pass through.
    if (process.getuid?.() === 0) chmodSync(dataDir, 0o711);
    postgres = await startPostgres({ dataDir, fast: true, temporary: true, env });
  } catch (error) {
    await remove(dataDir);
    throw error;
  }
  return {
    url: postgres.url,
    stop: async () => {
      // Nothing is kept, so nothing needs to be written down before the end.
      await postgres.stop('immediate');
      await remove(dataDir);
    },
  };
}
