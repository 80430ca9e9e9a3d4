import { join } from 'node:path';
import { signalAll, until } from '../postgres/processes.ts';
import { type FileLock, isAlive, tryLock } from './file-lock.mjs';
import type { Progress } from './progress.mjs';
import { fileFault, StartError } from './start-error.mjs';

/** A launcher whose npm was killed notices within this time; until then its lock looks like that of a healthy one. */
const NOTICE_MS = 1500;
/** The longest that a stop may take, and some more. */
const STOPPING_MS = 15_000;
const APP_EXIT_MS = 9000;

/**
 * Takes the data directory for this process. One that is being given up is waited for; a lock whose holder was killed is
 * taken over.
 * @throws StartError naming the process that has it
 */
export async function claimDataDir(dataDir: string, progress: Progress, signal: AbortSignal): Promise<FileLock> {
  const started = Date.now();
  for (;;) {
    signal.throwIfAborted();
    const result = await tryLock(join(dataDir, 'launcher.lock')).catch((error: unknown) => {
      throw fileFault(error, dataDir);
    });
    if ('lock' in result) {
      progress.end();
      return result.lock;
    }
    const { pid, stopping } = result.holder;
    if (Date.now() - started > (stopping ? STOPPING_MS : NOTICE_MS)) {
      throw new StartError(
        `Nexus already runs on ${dataDir} (process ${pid}): stop it first, or set NEXUS_DATA_DIR to another folder.`,
      );
    }
    if (stopping) progress.step(`Waiting for process ${pid}, which is stopping`);
    await until(() => signal.aborted, 50);
  }
}

/** The application of a killed launcher ends by itself, which may take a moment; it still has the ports until then. */
export async function endPreviousApp(lock: FileLock, progress: Progress, signal: AbortSignal): Promise<void> {
  const left = (lock.previous?.children ?? []).filter(isAlive);
  if (left.length === 0) return;
  progress.step('Stopping what an earlier start left running');
  const pids = left.map((child) => child.pid);
  const gone = (): boolean => !left.some(isAlive);
  signalAll(pids, 'SIGTERM');
  await until(() => gone() || signal.aborted, APP_EXIT_MS);
  if (!gone()) {
    signalAll(pids, 'SIGKILL');
    await until(gone, 2000);
  }
  progress.end();
}
