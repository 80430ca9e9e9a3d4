/**
 * The first thing every npm script runs: `node tools/bootstrap.mjs start | start:split | dev | exec -- <command>`. It needs Node 20 and
 * nothing installed. It installs the packages of the lock file, finds Node 24 among them, builds dist/ when the sources
 * have changed, and then runs the command with that Node, passing signals and the exit code through.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, cacheFolder, isBuilt } from './launcher/build.mjs';
import { waitForLock } from './launcher/file-lock.mjs';
import { findNode, install, isInstalled } from './launcher/install.mjs';
import { watchNpm } from './launcher/npm-watch.mjs';
import { Progress } from './launcher/progress.mjs';
import { fileFault, StartError } from './launcher/start-error.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const usage = 'Usage: node tools/bootstrap.mjs start | start:split | dev | exec [--no-build] -- <command> [arguments]';
/** @type {Record<string, string[]>} */
const FLAGS = { dev: ['--watch'], 'start:split': ['--split'] };
const SIGNALS = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);
/** A terminal and npm both deliver the same Ctrl-C; within this many milliseconds it counts once. */
const SAME_SIGNAL_MS = 400;

/** @type {import('node:child_process').ChildProcess | undefined} */
let worker;

/** @param {string[]} args */
function parse(args) {
  const [command, ...rest] = args;
  if (command === 'start' || command === 'start:split' || command === 'dev') {
    if (rest.length > 0) {
      throw new StartError(
        `"${command}" takes no arguments (got ${rest.join(' ')}): settings are environment variables.`,
      );
    }
    return { command, noBuild: false, run: [] };
  }
  if (command !== 'exec') throw new StartError(usage);
  const noBuild = rest[0] === '--no-build';
  const run = noBuild ? rest.slice(1) : rest;
  if (run[0] === '--') run.shift();
  if (run.length === 0) throw new StartError(usage);
  return { command, noBuild, run };
}

/**
 * Installs and builds what is missing, one process at a time.
 * @param {boolean} noBuild
 * @param {NodeJS.WriteStream} output
 */
async function prepare(noBuild, output) {
  const ready = () => isInstalled(root) && (noBuild || isBuilt(root));
  if (ready()) return findNode(root);
  const progress = new Progress(output);
  const path = join(cacheFolder(root), 'bootstrap.lock');
  const lock = await waitForLock(path, {
    childrenHold: true,
    onWait: ({ pid }) => progress.step(`Waiting for process ${pid}, which installs or builds here`),
  });
  const release = () => lock.release();
  process.on('exit', release);
  const onChild = (/** @type {import('node:child_process').ChildProcess} */ child) => {
    worker = child;
  };
  try {
    progress.end();
    if (!isInstalled(root)) await install(root, { progress, lock, onChild });
    const node = findNode(root);
    if (!noBuild && !isBuilt(root)) {
      await build(root, { node: node.path, progress, errors: process.stderr, lock, onChild });
    }
    return node;
  } finally {
    progress.end();
    lock.release();
    process.removeListener('exit', release);
  }
}

/** Until the command runs, a signal ends the installation or the build, and then this process by the same signal. */
function stopWhilePreparing() {
  /** @param {NodeJS.Signals} signal */
  const stop = (signal) => {
    const die = () => process.exit(128 + constants.signals[signal]);
    if (!worker || worker.exitCode !== null || worker.signalCode !== null) die();
    worker?.once('exit', die);
    worker?.kill(signal);
  };
  for (const signal of SIGNALS) process.on(signal, stop);
  return () => {
    for (const signal of SIGNALS) process.removeListener(signal, stop);
  };
}

/**
 * @param {string[]} command
 * @param {NodeJS.ProcessEnv} env
 * @param {boolean} isLauncher it has its own session, so that a terminal's Ctrl-C reaches it once, through us
 */
function run([file = '', ...args], env, isLauncher) {
  const child = spawn(file, args, {
    env,
    detached: isLauncher,
    stdio: isLauncher ? ['inherit', 'inherit', 'inherit', 'ipc'] : 'inherit',
    ...(isLauncher ? { cwd: root } : {}),
  });
  const onTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  /** @type {{ signal?: string, at: number }} */
  let last = { at: 0 };
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      const repeated = last.signal === signal && Date.now() - last.at < SAME_SIGNAL_MS;
      if (!repeated) last = { signal, at: Date.now() };
      // A command in our own process group has had the terminal's Ctrl-C already.
      if (!repeated && (isLauncher || signal !== 'SIGINT' || !onTerminal)) child.kill(signal);
    });
  }
  if (isLauncher) watchNpm(() => child.kill('SIGTERM'));
  child.once('error', (error) => {
    process.stderr.write(`${file} could not be started: ${error.message}\n`);
    process.exit('code' in error && error.code === 'ENOENT' ? 127 : 126);
  });
  child.once('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    for (const name of SIGNALS) process.removeAllListeners(name);
    process.kill(process.pid, signal);
    // A signal that does not end this process (one that it ignores) still has to end it.
    setTimeout(() => process.exit(128 + (constants.signals[signal] ?? 0)), 100);
  });
}

async function main() {
  if (Number(process.versions.node.split('.')[0]) < 20) {
    throw new StartError(
      `Nexus needs Node.js 20 or newer to start, and this is ${process.versions.node}: install one from nodejs.org.`,
    );
  }
  const { command, noBuild, run: words } = parse(process.argv.slice(2));
  const isLauncher = command !== 'exec';
  const restore = stopWhilePreparing();
  const node = await prepare(noBuild, isLauncher ? process.stdout : process.stderr);
  const path = [join(root, 'node_modules', '.bin'), process.env.PATH ?? ''];
  // npm does not always make node_modules/.bin/node, so the binary's own folder comes first.
  const env = {
    ...process.env,
    PATH: [dirname(node.path), ...path].join(delimiter),
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(root, 'node_modules', '.cache', 'node-compile'),
  };
  const launcher = join(root, 'tools', 'launcher', 'main.ts');
  if (isLauncher && !existsSync(launcher)) {
    throw new StartError(`${launcher} is missing: the checkout is not whole.`);
  }
  run(isLauncher ? [node.path, ...node.flags, launcher, ...(FLAGS[command] ?? [])] : words, env, isLauncher);
  // Not before: between the two, a signal would end this process alone and leave the command behind.
  restore();
}

main().catch((error) => {
  const fault = fileFault(error, error?.path ?? root, 'make that place writable');
  process.stderr.write(`${fault instanceof StartError ? fault.message : error?.stack}\n`);
  process.exit(1);
});
