import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readFileSync, renameSync, rmSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf } from './start-error.mjs';

/**
 * @typedef {{ pid: number, started: string | null, boot: string | null }} ProcessIdentity
 * A process, told apart from a later one with the same pid by its start time (clock ticks since boot) and the boot's id.
 * @typedef {ProcessIdentity & { nonce: string, stopping?: boolean, children?: ProcessIdentity[] }} LockRecord
 */

/** @param {string} path @returns {string | undefined} */
function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/**
 * The fields of /proc/<pid>/stat from the third on: the name before them may hold spaces and brackets.
 * @param {number | string} pid
 */
function statFields(pid) {
  const stat = read(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** @param {number} pid @returns {number | undefined} the parent's pid, where the system tells */
export function parentOf(pid) {
  const parent = Number(statFields(pid)?.[1]);
  return Number.isInteger(parent) ? parent : undefined;
}

/** @param {number} [pid] @returns {ProcessIdentity} */
export function identityOf(pid = process.pid) {
  return {
    pid,
    started: statFields(pid)?.[19] ?? null,
    boot: read('/proc/sys/kernel/random/boot_id')?.trim() ?? null,
  };
}

/**
 * Whether that very process still runs. Where /proc does not tell, a process with the pid counts as the same one.
 * @param {ProcessIdentity} process_
 */
export function isAlive({ pid, started, boot }) {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  const now = identityOf(pid);
  if (boot && now.boot && boot !== now.boot) return false;
  if (now.started !== null) return (started === null || started === now.started) && statFields(pid)?.[0] !== 'Z';
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

/** @param {string | undefined} text @returns {LockRecord | undefined} */
export function parseRecord(text) {
  try {
    const record = JSON.parse(text ?? '');
    return typeof record?.pid === 'number' ? record : undefined;
  } catch {
    return undefined;
  }
}

/** @param {string} path @param {string} text @returns {boolean} false when the file exists */
function createExclusively(path, text) {
  let file;
  try {
    file = openSync(path, 'wx', 0o644);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
  try {
    writeSync(file, text);
  } catch (error) {
    unlinkSync(path);
    throw error;
  } finally {
    closeSync(file);
  }
  return true;
}

/** @param {string} path @param {number} ms */
function olderThan(path, ms) {
  try {
    return Date.now() - statSync(path).mtimeMs > ms;
  } catch {
    return false;
  }
}

/** A lock file that this process holds. */
export class FileLock {
  #path;
  #record;
  /** What a dead holder had written, when the lock was taken over from one. */
  previous;

  /** @param {string} path @param {LockRecord} record @param {LockRecord | undefined} previous */
  constructor(path, record, previous) {
    this.#path = path;
    this.#record = record;
    this.previous = previous;
  }

  /**
   * Adds to what other processes read about the holder.
   * @param {{ stopping?: boolean, children?: ProcessIdentity[] }} details
   */
  update(details) {
    Object.assign(this.#record, details);
    const next = `${this.#path}.${this.#record.nonce}`;
    if (createExclusively(next, JSON.stringify(this.#record))) renameSync(next, this.#path);
  }

  /** Gives the lock back; safe to call twice and from an exit handler. */
  release() {
    if (parseRecord(read(this.#path))?.nonce === this.#record.nonce) rmSync(this.#path, { force: true });
  }
}

/**
 * @param {string} path @returns {string | undefined} undefined when there is no such file
 * @throws the file system's error when it is there and cannot be read
 */
function readLock(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Removes a lock file that was judged stale, unless another process has meanwhile replaced it. Only one process at a
 * time may do this, else one could remove the lock that another has just taken.
 * @param {string} path
 * @param {string} judged the content that was judged
 */
async function breakStale(path, judged) {
  const guard = `${path}.break`;
  if (!createExclusively(guard, JSON.stringify(identityOf()))) {
    const holder = parseRecord(read(guard));
    if (holder ? !isAlive(holder) : olderThan(guard, 2000)) rmSync(guard, { force: true });
    await sleep(20);
    return;
  }
  try {
    if (read(path) === judged) rmSync(path, { force: true });
  } finally {
    rmSync(guard, { force: true });
  }
}

/**
 * Takes the lock, or says who holds it. A lock whose holder is dead is taken over.
 * @param {string} path
 * @param {{ childrenHold?: boolean }} [options] childrenHold: the lock also counts as held while a recorded child lives
 * @returns {Promise<{ lock: FileLock } | { holder: LockRecord }>}
 * @throws the file system's error when the file cannot be written
 */
export async function tryLock(path, { childrenHold = false } = {}) {
  const record = { ...identityOf(), nonce: randomBytes(8).toString('hex') };
  /** @type {LockRecord | undefined} */
  let previous;
  for (;;) {
    if (createExclusively(path, JSON.stringify(record))) return { lock: new FileLock(path, record, previous) };
    const content = readLock(path);
    if (content === undefined) continue;
    const holder = parseRecord(content);
    if (holder) {
      const held = isAlive(holder) || (childrenHold && (holder.children ?? []).some(isAlive));
      if (held) return { holder };
      previous = holder;
    } else if (!olderThan(path, 2000)) {
      // Its holder has created it and not yet written its name.
      await sleep(20);
      continue;
    }
    await breakStale(path, content);
  }
}

/**
 * Takes the lock, waiting as long as it is held.
 * @param {string} path
 * @param {{ childrenHold?: boolean, onWait?: (holder: LockRecord) => void }} [options]
 */
export async function waitForLock(path, { onWait, ...options } = {}) {
  for (;;) {
    const result = await tryLock(path, options);
    if ('lock' in result) return result.lock;
    onWait?.(result.holder);
    await sleep(100);
  }
}
