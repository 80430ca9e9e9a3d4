import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { codeOf, fileFault } from '../launcher/start-error.mjs';

const REMEDY = 'choose another folder for the certificates';

/** Makes the folder, for its owner alone. */
export function privateFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    chmodSync(path, 0o700);
  } catch (error) {
    throw fileFault(error, path, REMEDY);
  }
}

/** @returns undefined when there is none */
export function readPrivate(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw fileFault(error, path, REMEDY);
  }
}

/** Replaces the file, for its owner alone; whoever reads it meanwhile, or after a crash, sees all of one or the other. */
export function writePrivate(path: string, content: string): void {
  const next = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    privateFolder(dirname(path));
    const file = openSync(next, 'wx', 0o600);
    try {
      writeSync(file, content);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(next, path);
  } catch (error) {
    rmSync(next, { force: true });
    throw fileFault(error, path, REMEDY);
  }
}
