import { readFileSync } from 'node:fs';
import { parentOf } from './file-lock.mjs';

const SHELLS = new Set(['sh', 'dash', 'bash', 'ash', 'busybox']);

/** @param {number} pid */
function nameOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}

/**
 * Tells when the npm that runs this process has gone. npm runs a script through a shell which does not pass signals on:
 * when npm is terminated or killed, only the change of parent shows it. Started by anything else, nothing is watched,
 * because a process may well outlive the shell that started it.
 * @param {() => void} onGone
 * @param {number} [everyMs]
 */
export function watchNpm(onGone, everyMs = 250) {
  if (!process.env.npm_lifecycle_event) return;
  const parent = process.ppid;
  const grandparent = SHELLS.has(nameOf(parent)) ? parentOf(parent) : undefined;
  const timer = setInterval(() => {
    const same = process.ppid === parent && (grandparent === undefined || parentOf(parent) === grandparent);
    if (same) return;
    clearInterval(timer);
    onGone();
  }, everyMs);
  timer.unref();
}
