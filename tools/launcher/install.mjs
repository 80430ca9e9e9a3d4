import { spawn } from 'node:child_process';
import { closeSync, copyFileSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { identityOf } from './file-lock.mjs';
import { StartError } from './start-error.mjs';

/** Below this Node has no type stripping, without which the launcher does not run. */
const MINIMUM = [22, 15];

/** @type {Record<string, string>} where the dynamic loader lies that the packaged Node is linked against; elsewhere it cannot run. */
const LOADERS = { x64: '/lib64/ld-linux-x86-64.so.2', arm64: '/lib/ld-linux-aarch64.so.1' };

/** @param {string} path */
function content(path) {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

/**
 * Whether node_modules was installed from the lock file as it is now.
 * @param {string} root
 */
export function isInstalled(root) {
  const lock = content(join(root, 'package-lock.json'));
  if (!lock)
    throw new StartError(`package-lock.json is missing in ${root}: restore it (git checkout package-lock.json).`);
  const installed = content(join(root, 'node_modules', '.nexus-lock'));
  return installed?.equals(lock) === true;
}

/** How npm is started: the npm that runs us, else the one beside this Node, else the one on PATH. */
function npmCommand() {
  const own = process.env.npm_execpath;
  const candidates = [
    ...(own && basename(own) === 'npm-cli.js' ? [own] : []),
    join(dirname(process.execPath), '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js'),
  ];
  const script = candidates.find((candidate) => existsSync(candidate));
  return script ? { file: process.execPath, args: [script] } : { file: 'npm', args: [] };
}

/** @param {string} log npm's output @returns {string} its own first word on what went wrong */
function reason(log) {
  const lines = log
    .split('\n')
    .map((line) => /^npm (?:error|ERR!) (.*)/.exec(line)?.[1]?.trim() ?? '')
    .filter((line) => line !== '' && !/^(?:errno|syscall|path|code E?[A-Z]+$)/.test(line));
  const code = /^npm (?:error|ERR!) code (\S+)/m.exec(log)?.[1];
  return [code, lines[0]?.replace(/[.:]?$/, '')].filter(Boolean).join(', ') || 'npm gave no reason';
}

/**
 * Runs `npm ci`. The caller holds the lock of the checkout.
 * @param {string} root
 * @param {{ progress: import('./progress.mjs').Progress, lock: import('./file-lock.mjs').FileLock,
 *   onChild: (child: import('node:child_process').ChildProcess) => void }} context
 */
export async function install(root, { progress, lock, onChild }) {
  const modules = join(root, 'node_modules');
  const logPath = join(root, '.cache', 'install.log');
  progress.step('Installing packages', { atOnce: true });
  rmSync(join(modules, '.nexus-lock'), { force: true });
  const wanted = join(root, '.cache', 'package-lock.installing');
  copyFileSync(join(root, 'package-lock.json'), wanted);
  const log = openSync(logPath, 'w');
  try {
    const { file, args } = npmCommand();
    // Whatever the person's npm settings leave out, the build needs the dev packages and the run-time the optional ones.
    const flags = ['ci', '--no-audit', '--no-fund', '--include=dev', '--include=optional', '--include=peer'];
    const child = spawn(file, [...args, ...flags], { cwd: root, stdio: ['ignore', log, log] });
    onChild(child);
    if (child.pid !== undefined) lock.update({ children: [identityOf(child.pid)] });
    const code = await new Promise((resolve, reject) => {
      child.once('error', (error) => {
        reject(new StartError(`npm could not be started (${error.message}): install Node.js together with npm.`));
      });
      child.once('exit', (exitCode, signal) => resolve(exitCode ?? signal));
    });
    lock.update({ children: [] });
    if (code !== 0) {
      throw new StartError(
        `Installing packages failed (${reason(readFileSync(logPath, 'utf8'))}); npm's output is in ${logPath}.`,
      );
    }
    mkdirSync(modules, { recursive: true });
    renameSync(wanted, join(modules, '.nexus-lock'));
  } finally {
    closeSync(log);
    rmSync(wanted, { force: true });
    progress.end();
  }
}

/**
 * The Node that runs everything: the one among the packages, else this one when it is new enough.
 * @param {string} root
 * @returns {{ path: string, flags: string[] }}
 */
export function findNode(root) {
  const packaged = join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node');
  const loader = LOADERS[process.arch];
  if (process.platform === 'linux' && loader && existsSync(loader) && existsSync(packaged)) {
    return { path: packaged, flags: [] };
  }
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > MINIMUM[0] || (major === MINIMUM[0] && minor >= MINIMUM[1])) {
    const strips = major > 23 || (major === 23 && minor >= 6) || (major === 22 && minor >= 18);
    return {
      path: process.execPath,
      flags: [...(strips ? [] : ['--experimental-strip-types']), '--disable-warning=ExperimentalWarning'],
    };
  }
  throw new StartError(
    `Nexus needs Node.js 24 here (${MINIMUM.join('.')} or newer), and this is ${process.versions.node}: ` +
      `there is no packaged Node.js for ${process.platform}-${process.arch}, so install one from nodejs.org.`,
  );
}
