import { randomBytes, randomInt } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { codeOf, fileFault } from './start-error.mjs';

/** Letters and digits that nobody takes for one another. */
const UNAMBIGUOUS = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';

/** A password to be read from a screen: 24 characters, 139 bits. */
export function readablePassword(): string {
  return Array.from({ length: 24 }, () => UNAMBIGUOUS[randomInt(UNAMBIGUOUS.length)]).join('');
}

/** 32 random bytes, base64url. */
export function randomSecret(): string {
  return randomBytes(32).toString('base64url');
}

export function secretPath(dataDir: string, name: string): string {
  return join(dataDir, 'secrets', name);
}

/** @returns undefined when there is none yet */
export function readSecret(dataDir: string, name: string): string | undefined {
  const path = secretPath(dataDir, name);
  try {
    return readFileSync(path, 'utf8').trim() || undefined;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw fileFault(error, path);
  }
}

/** Writes a secret for the invoking user alone; after a crash the file is there whole or not at all. */
export function writeSecret(dataDir: string, name: string, value: string): void {
  const path = secretPath(dataDir, name);
  const next = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const file = openSync(next, 'wx', 0o600);
    try {
      writeSync(file, `${value}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(next, path);
  } catch (error) {
    rmSync(next, { force: true });
    throw fileFault(error, path);
  }
}

export function removeSecret(dataDir: string, name: string): void {
  rmSync(secretPath(dataDir, name), { force: true });
}

/** The secret of that name, made now if it is not there. */
export function ensureSecret(dataDir: string, name: string, make: () => string = randomSecret): string {
  const known = readSecret(dataDir, name);
  if (known) return known;
  const value = make();
  writeSecret(dataDir, name, value);
  return value;
}
