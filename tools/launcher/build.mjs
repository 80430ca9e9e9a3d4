import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { identityOf } from './file-lock.mjs';
import { StartError } from './start-error.mjs';

const STAMP = '.nexus-build';
const ENTRY = join('apps', 'main.js');
const STAGING = /^(?:nest-cli)?\.dist-[0-9a-f]{8}(?:\.json)?$/;

/** @param {string} path @returns {string | undefined} */
function text(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** @param {string} directory @returns {string[]} the files below it, tests left out: they are not built */
function sources(directory) {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.spec.ts'))
    .map((entry) => join(entry.parentPath, entry.name));
}

/**
 * What the build depends on, by content: times lie after a checkout or a copy, and reading all of it takes milliseconds.
 * @param {string} root
 */
export function fingerprint(root) {
  const settings = readdirSync(root).filter((name) => /^tsconfig.*\.json$/.test(name));
  const files = [
    ...sources(join(root, 'apps')),
    ...sources(join(root, 'libs')),
    ...[...settings, 'nest-cli.json', '.swcrc', 'package-lock.json'].map((name) => join(root, name)),
  ];
  const hash = createHash('sha256');
  for (const file of files.sort()) {
    const bytes = existsSync(file) ? readFileSync(file) : Buffer.alloc(0);
    hash.update(`${relative(root, file)}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest('hex');
}

/** @param {string} root whether dist/ is what the sources give now */
export function isBuilt(root) {
  return text(join(root, 'dist', STAMP)) === fingerprint(root) && existsSync(join(root, 'dist', ENTRY));
}

/**
 * Builds beside dist/ and swaps it in when it is whole, so that a broken or interrupted build changes nothing. The
 * staging folder lies in the root because the source maps hold relative paths. The caller holds the lock of the checkout.
 * @param {string} root
 * @param {{ node: string, progress: import('./progress.mjs').Progress, errors: NodeJS.WritableStream,
 *   lock: import('./file-lock.mjs').FileLock, onChild: (child: import('node:child_process').ChildProcess) => void }} context
 */
export async function build(root, { node, progress, errors, lock, onChild }) {
  progress.step('Building', { atOnce: true });
  removeLeftovers(root);
  const name = `.dist-${randomBytes(4).toString('hex')}`;
  const staging = join(root, name);
  const config = join('.cache', `nest-cli${name}.json`);
  const stamp = fingerprint(root);
  try {
    writeFileSync(join(root, config), JSON.stringify(stagedConfig(root, name)));
    const cli = join(root, 'node_modules', '@nestjs', 'cli', 'bin', 'nest.js');
    const child = spawn(node, [cli, 'build', 'gateway', '--config', config], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    onChild(child);
    if (child.pid !== undefined) lock.update({ children: [identityOf(child.pid)] });
    /** @type {Buffer[]} */
    const output = [];
    child.stdout.on('data', (chunk) => output.push(chunk));
    child.stderr.on('data', (chunk) => output.push(chunk));
    const code = await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (exitCode, signal) => resolve(exitCode ?? signal));
    });
    lock.update({ children: [] });
    if (code !== 0 || !existsSync(join(staging, ENTRY))) {
      errors.write(Buffer.concat(output));
      throw new StartError(
        code === 0
          ? `The build made no ${join('dist', ENTRY)}: is apps/main.ts there?`
          : 'The build failed; its messages are above.',
      );
    }
    writeFileSync(join(staging, STAMP), stamp);
    swap(root, staging);
  } finally {
    rmSync(staging, { recursive: true, force: true });
    rmSync(join(root, config), { force: true });
    progress.end();
  }
}

/** @param {string} root removes what a killed build left */
function removeLeftovers(root) {
  for (const folder of [root, join(root, '.cache')]) {
    for (const name of readdirSync(folder)) {
      if (STAGING.test(name)) rmSync(join(folder, name), { recursive: true, force: true });
    }
  }
}

/** @param {string} root @param {string} staging */
function swap(root, staging) {
  const dist = join(root, 'dist');
  const old = join(root, `.dist-${randomBytes(4).toString('hex')}`);
  if (existsSync(dist)) renameSync(dist, old);
  renameSync(staging, dist);
  rmSync(old, { recursive: true, force: true });
}

/** @param {string} root @param {string} outDir */
function stagedConfig(root, outDir) {
  const source = text(join(root, 'nest-cli.json'));
  if (source === undefined)
    throw new StartError(`nest-cli.json is missing in ${root}: restore it (git checkout nest-cli.json).`);
  const config = JSON.parse(source);
  const { builder, ...compilerOptions } = config.compilerOptions;
  const options = { ...builder.options, outDir };
  // deleteOutDir would empty dist/, which is still in use.
  config.compilerOptions = { ...compilerOptions, deleteOutDir: false, builder: { ...builder, options } };
  return config;
}

/** @param {string} root the folder for locks and logs of the checkout itself */
export function cacheFolder(root) {
  const folder = join(root, '.cache');
  mkdirSync(folder, { recursive: true });
  return folder;
}
