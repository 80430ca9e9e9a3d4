import { closeSync, fstatSync, openSync, readSync, statfsSync } from 'node:fs';
import { StartError } from '../launcher/start-error.mjs';

/** Below this many free bytes a message may not even have reached the log. */
const NO_SPACE_BYTES = 2 * 1024 * 1024;
const TAIL_BYTES = 16 * 1024;

/** What was written to a log from a position on, its last 16 KiB at most. */
export function logTail(path: string, from: number): string {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return '';
  }
  try {
    const { size } = fstatSync(file);
    const start = Math.max(from, size - TAIL_BYTES);
    const buffer = Buffer.alloc(Math.max(0, size - start));
    return buffer.toString('utf8', 0, readSync(file, buffer, 0, buffer.length, start));
  } finally {
    closeSync(file);
  }
}

export function isDiskFull(output: string, folder: string): boolean {
  if (/No space left on device|Disk quota exceeded/.test(output)) return true;
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize < NO_SPACE_BYTES;
  } catch {
    return false;
  }
}

/** PostgreSQL's own last word, or the loader's when the program did not even start. */
function lastWord(output: string): string | undefined {
  const fatal = [...output.matchAll(/(?:FATAL|PANIC|initdb: error|ERROR):\s+(.+)/g)].at(-1)?.[1];
  const loader = /error while loading shared libraries: (.+)/.exec(output)?.[1];
  return (loader ?? fatal)?.trim().replace(/\.$/, '');
}

/**
 * One sentence for a PostgreSQL that ended when it should not have.
 * @param happened the beginning of the sentence, e.g. "PostgreSQL did not start"
 * @param output what it said
 * @param folder where its data lie
 * @param log where to read on
 */
export function explain(happened: string, output: string, folder: string, log: string): StartError {
  if (isDiskFull(output, folder)) {
    return new StartError(`The disk that holds ${folder} is full: free some space and start again; nothing was lost.`);
  }
  if (/could not look up effective user ID/.test(output)) {
    return new StartError(
      'PostgreSQL needs an account for the user it runs as, and this user has none in /etc/passwd: add one or set DATABASE_URL.',
    );
  }
  const word = lastWord(output);
  return new StartError(`${happened}${word ? `: ${word}` : ''}; its log is ${log}.`);
}
