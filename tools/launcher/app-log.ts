import { mkdirSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Transform } from 'node:stream';
import { fileFault } from './start-error.mjs';

const LIMIT_BYTES = 50 * 1024 * 1024;
const KEPT = 3;

/**
 * Opens the application's log for appending. One above 50 MB is put away first, as `.1`; the three newest are kept.
 * @returns a file descriptor
 */
export function openAppLog(path: string): number {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > LIMIT_BYTES) {
      rmSync(`${path}.${KEPT}`, { force: true });
      for (let number = KEPT; number >= 1; number -= 1) {
        const from = number === 1 ? path : `${path}.${number - 1}`;
        if (statSync(from, { throwIfNoEntry: false })) renameSync(from, `${path}.${number}`);
      }
    }
    return openSync(path, 'a', 0o600);
  } catch (error) {
    throw fileFault(error, path);
  }
}

/** Log records as a person reads them, for development. */
export async function prettyLog(out: NodeJS.WritableStream, colour: boolean): Promise<Transform> {
  const { prettyFactory } = await import('pino-pretty');
  const { Transform } = await import('node:stream');
  const pretty = prettyFactory({
    colorize: colour,
    messageKey: 'message',
    timestampKey: '@timestamp',
    levelKey: 'log\\.level',
    translateTime: 'SYS:HH:MM:ss.l',
    ignore:
      'ecs\\.version,service\\.name,service\\.version,service\\.environment,process\\.pid,host\\.name,log\\.logger',
    singleLine: true,
  });
  let rest = '';
  const stream = new Transform({
    decodeStrings: false,
    transform(chunk: Buffer | string, _encoding, done) {
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop() ?? '';
      done(null, lines.map((line) => pretty(line)).join(''));
    },
  });
  stream.pipe(out, { end: false });
  return stream;
}
