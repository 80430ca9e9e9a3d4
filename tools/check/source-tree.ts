import { type Dirent, existsSync, readdirSync } from 'node:fs';
import path from 'node:path';

/** The folders that hold code of ours. */
export const CODE_FOLDERS = ['apps', 'libs', 'test', 'tools', 'bench'];

const SKIPPED = new Set(['node_modules', 'dist', 'coverage', '.git', '.nexus', '.cache']);

export interface Entry {
  /** Path relative to the root, with forward slashes. */
  readonly file: string;
  readonly isDirectory: boolean;
}

/** Everything below the given folders of `root` that could be ours, folders included; missing folders are skipped. */
export function listEntries(root: string, folders: readonly string[] = CODE_FOLDERS): Entry[] {
  return folders.filter((folder) => existsSync(path.join(root, folder))).flatMap((folder) => walk(root, folder));
}

function walk(root: string, folder: string): Entry[] {
  const children = readdirSync(path.join(root, folder), { withFileTypes: true });
  return children.filter((child) => !SKIPPED.has(child.name)).flatMap((child) => entryOf(root, folder, child));
}

function entryOf(root: string, folder: string, child: Dirent): Entry[] {
  const file = `${folder}/${child.name}`;
  if (child.isDirectory()) return [{ file, isDirectory: true }, ...walk(root, file)];
  return child.isFile() ? [{ file, isDirectory: false }] : [];
}

/** Generated files answer to their generator, not to the limits of the house. */
export function isGenerated(file: string): boolean {
  return /\.generated\.(ts|json)$/.test(file) || file.includes('/__snapshots__/');
}

export function isSpec(file: string): boolean {
  return /\.spec\.(ts|mjs|js)$/.test(file);
}
