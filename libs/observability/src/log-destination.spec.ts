import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { FdDestination } from './log-destination.js';
import { openFdDestination } from './open-destination.js';

const folder = mkdtempSync(join(tmpdir(), 'nexus-logs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const started: ChildProcess[] = [];
afterEach(() => {
  for (const child of started.splice(0)) {
    try {
      process.kill(-(child.pid as number), 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
});

const here = fileURLToPath(new URL('./', import.meta.url));
const root = fileURLToPath(new URL('../../../', import.meta.url));

/** Lets a bare Node process load the TypeScript sources; the first one compiles them for all. */
const hooks = `
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire, registerHooks } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
const jsc = { target: 'es2023', parser: { syntax: 'typescript', decorators: true } };
const require = createRequire(${JSON.stringify(`${root}package.json`)});
const compile = (filename) =>
  require('@swc/core').transformSync(readFileSync(filename, 'utf8'), { filename, swcrc: false, module: { type: 'es6' }, jsc }).code;
registerHooks({
  resolve(name, context, next) {
    const lib = /^@nexus\\/([^/]+)$/.exec(name)?.[1];
    if (lib) return { url: pathToFileURL(${JSON.stringify(`${root}libs/`)} + lib + '/src/index.ts').href, shortCircuit: true };
    const url = name.startsWith('.') ? new URL(name.replace(/\\.js$/, '.ts'), context.parentURL) : undefined;
    return url && url.pathname.endsWith('.ts') && existsSync(url) ? { url: url.href, shortCircuit: true } : next(name, context);
  },
  load(url, context, next) {
    if (!url.endsWith('.ts')) return next(url, context);
    const filename = fileURLToPath(url);
    const compiled = ${JSON.stringify(`${folder}/`)} + encodeURIComponent(filename).replaceAll('%', '_') + '.mjs';
    if (!existsSync(compiled)) {
      // Whole or not at all: several may do it at once.
      const own = compiled + '.' + process.pid;
      writeFileSync(own, compile(filename));
      renameSync(own, compiled);
    }
    return { format: 'module', source: readFileSync(compiled, 'utf8'), shortCircuit: true };
  },
});`;

const prelude = `
import { writeSync } from 'node:fs';
const { createLogger, flushLogs, lostLogLines } = await import(${JSON.stringify(`${here}logger.ts`)});
const logger = createLogger({ service: 'child', version: '1', environment: 'test', level: 'info' });
const say = (value) => writeSync(2, JSON.stringify(value) + '\\n');
const tick = () => new Promise((resolve) => setImmediate(resolve));
`;

interface Run {
  readonly child: ChildProcess;
  readonly stdout: () => Promise<string>;
  readonly stderr: () => Promise<string>;
  readonly code: Promise<number | null>;
}

/** Runs a script; in a shell its standard output is a pipe, without one a socket, as Node makes them. */
function run(script: string, shell?: string): Run {
  const args = [
    '--disable-warning=ExperimentalWarning',
    '--import',
    `data:text/javascript,${encodeURIComponent(hooks)}`,
    '--input-type=module',
    '-e',
    prelude + script,
  ];
  const options: SpawnOptions = { cwd: root, detached: true, stdio: ['ignore', 'pipe', 'pipe'] };
  const child = shell
    ? spawn('sh', ['-c', shell, 'sh', process.execPath, ...args], options)
    : spawn(process.execPath, args, options);
  started.push(child);
  return {
    child,
    stdout: () => text(child.stdout as Readable),
    stderr: () => text(child.stderr as Readable),
    code: new Promise((resolve) => child.on('close', resolve)),
  };
}

function numbers(output: string): number[] {
  return output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { nexus: { n: number } }).nexus.n);
}

const COUNT = 3_000;
const inOrder = Array.from({ length: COUNT }, (_, n) => n);
const writeAll = `for (let n = 0; n < ${COUNT}; n++) logger.info('line', { n, text: 'ä'.repeat(n % 300) });`;

describe('everything that was logged is written', () => {
  it.each([
    ['at the natural end', writeAll, 0],
    ['at process.exit', `${writeAll} process.exit(3);`, 3],
    [
      'at process.exit, with a write under way',
      `${writeAll} await tick(); ${writeAll.replace('n, ', `n: n + ${COUNT}, `)} process.exit(3);`,
      3,
    ],
    ['when an error is not caught', `${writeAll} setImmediate(() => { throw new Error('crash'); });`, 1],
    ['by flushLogs', `${writeAll} await flushLogs(); process.kill(process.pid, 'SIGKILL');`, 137],
    [
      'before a fatal record returns',
      `${writeAll.replace('logger.info', 'if (n === 2999) logger.fatal("line", { n }); else logger.info')} process.kill(process.pid, 'SIGKILL');`,
      137,
    ],
  ])(
    '%s',
    async (_name, script, exitCode) => {
      const lines = script.includes('n: n +') ? [...inOrder, ...inOrder.map((n) => n + COUNT)] : inOrder;
      const file = join(folder, 'out.log');
      const runs = [
        run(script),
        run(script, '{ "$@"; echo "code $?" >&2; } | cat'),
        run(script, `"$@" > '${file}'; echo "code $?" >&2`),
      ];
      const outputs = Promise.all(runs.map((each) => each.stdout()));
      const [, ...told] = await Promise.all(runs.map((each) => each.stderr()));
      const [socket, pipe] = await outputs;
      const code = await runs[0]!.code;
      expect(numbers(socket as string)).toEqual(lines);
      expect(numbers(pipe as string)).toEqual(lines);
      expect(numbers(readFileSync(file, 'utf8'))).toEqual(lines);
      expect(code).toBe(exitCode === 137 ? null : exitCode);
      for (const output of told) expect(output).toContain(`code ${exitCode}`);
    },
    30_000,
  );
});

/** Logs until the reader is known to be gone, then shows that the process lives on and rests. */
const outlive = `
for (let n = 0; lostLogLines() === 0; n++) { logger.info('line', { n, fill: 'x'.repeat(500) }); if (n % 50 === 0) await tick(); }
const lost = lostLogLines();
for (let n = 0; n < 1000; n++) logger.error('more', { n });
await flushLogs();
const cpu = process.cpuUsage();
await new Promise((resolve) => setTimeout(resolve, 300));
const used = process.cpuUsage(cpu);
say({ lost, after: lostLogLines() - lost, busyMs: (used.user + used.system) / 1000 });
process.exit(0);`;

describe('a reader that goes away', () => {
  it('neither ends the process nor keeps it busy: a pipe', async () => {
    const { stderr, stdout } = run(outlive, '{ "$@"; echo "code $?" >&2; } | head -n 1');
    const first = stdout();
    const [result, code] = (await stderr()).trim().split('\n') as [string, string];
    expect(JSON.parse(result)).toMatchObject({ after: 1000 });
    expect((JSON.parse(result) as { busyMs: number }).busyMs).toBeLessThan(150);
    expect(code).toBe('code 0');
    expect(numbers(await first)).toEqual([0]);
  }, 30_000);

  it('neither ends the process nor keeps it busy: a socket', async () => {
    const { child, stderr, code } = run(outlive);
    child.stdout?.once('data', () => child.stdout?.destroy());
    const result = JSON.parse(await stderr()) as { after: number; busyMs: number };
    expect(result.after).toBe(1000);
    expect(result.busyMs).toBeLessThan(150);
    expect(await code).toBe(0);
  }, 30_000);

  it('is not waited for, and nothing is kept for it', async () => {
    const path = join(folder, 'gone');
    execFileSync('mkfifo', [path]);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(path, constants.O_WRONLY);
    const destination = openFdDestination(writer);
    closeSync(reader);
    for (const line of ['a\n', 'b\n', 'c\n']) destination.write(line);
    const began = performance.now();
    await destination.flush(10_000);
    expect(performance.now() - began).toBeLessThan(5_000);
    expect(destination.lost).toBe(3);
    destination.write('d\n');
    destination.flushSync();
    expect(destination.lost).toBe(4);
    closeSync(writer);
  });

  it('may never have been there', async () => {
    const { stderr } = run(
      "logger.info('x'); await flushLogs(); say({ lost: lostLogLines() });",
      '"$@" >&-; echo "code $?" >&2',
    );
    expect(await stderr()).toMatch(/^\{"lost":\d\}\ncode 0\n$/);
  }, 30_000);
});

describe('a reader that stalls', () => {
  it('costs bounded memory, no delay, and does not hold up the exit', async () => {
    const script = `
      import { monitorEventLoopDelay } from 'node:perf_hooks';
      const fill = 'x'.repeat(900);
      const delay = monitorEventLoopDelay({ resolution: 5 });
      const before = process.memoryUsage().rss;
      delay.enable();
      for (let n = 0; n < 40_000; n++) { logger.info('line', { n, fill }); if (n % 20 === 0) await tick(); }
      delay.disable();
      const began = performance.now();
      await flushLogs(300);
      const flushMs = performance.now() - began;
      process.on('exit', () => say({ exitAt: Date.now() }));
      say({ lost: lostLogLines(), rssMb: (process.memoryUsage().rss - before) / 1048576, p99Ms: delay.percentile(99) / 1e6, flushMs });
      process.exit(0);`;
    const began = Date.now();
    const { child } = run(script, '{ "$@"; echo "code $?" >&2; } | sleep 60');
    let told = '';
    for await (const part of child.stderr as AsyncIterable<Buffer>) {
      told += part.toString();
      if (told.includes('code ')) break;
    }
    const [result, , code] = told.trim().split('\n') as [string, string, string];
    const seen = JSON.parse(result) as { lost: number; rssMb: number; p99Ms: number; flushMs: number };
    expect(seen.lost).toBeGreaterThan(10_000);
    expect(seen.rssMb).toBeLessThan(128);
    expect(seen.p99Ms).toBeLessThan(250);
    expect(seen.flushMs).toBeLessThan(1_000);
    expect(code).toBe('code 0');
    expect(Date.now() - began).toBeLessThan(25_000);
  }, 40_000);

  it('is told how much it missed', async () => {
    const path = join(folder, 'fifo');
    execFileSync('mkfifo', [path]);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(path, constants.O_WRONLY);
    const destination = openFdDestination(writer, { maxPending: 100_000, lossLine: (lost) => `${lost} lost\n` });
    const lines = Array.from({ length: 4_000 }, (_, n) => `${n} ${'x'.repeat(100)}\n`);
    for (const line of lines) destination.write(line);
    const { lost } = destination;
    expect(lost).toBeGreaterThan(1_000);
    let read = '';
    const buffer = Buffer.alloc(65_536);
    const drain = setInterval(() => {
      try {
        read += buffer.toString('utf8', 0, readSync(reader, buffer));
      } catch {
        // Nothing there yet.
      }
    }, 1);
    await destination.flush(10_000);
    clearInterval(drain);
    try {
      for (let n = 1; n > 0; ) {
        n = readSync(reader, buffer);
        read += buffer.toString('utf8', 0, n);
      }
    } catch {
      // All is read.
    }
    closeSync(reader);
    closeSync(writer);
    const got = read.trimEnd().split('\n');
    const told = got.filter((line) => line.endsWith('lost'));
    expect(told).toEqual([`${lost} lost`]);
    expect(got).toHaveLength(lines.length - lost + 1);
    expect(got.filter((line) => !line.endsWith('lost'))).toEqual(
      lines.slice(0, lines.length - lost).map((line) => line.trimEnd()),
    );
  });
});

describe('a batch', () => {
  it('is written when it is large enough, else after a while', async () => {
    const path = join(folder, 'batch.log');
    const destination = new FdDestination(openSync(path, 'w'), { batch: 100, flushAfterMs: 30 });
    destination.write('a\n');
    expect(readFileSync(path, 'utf8')).toBe('');
    destination.write(`${'b'.repeat(100)}\n`);
    expect(readFileSync(path, 'utf8')).toHaveLength(103);
    destination.write('c\n');
    const deadline = Date.now() + 5_000;
    while (!readFileSync(path, 'utf8').endsWith('c\n') && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(readFileSync(path, 'utf8')).toMatch(/c\n$/);
  });

  it('survives a full disk', async () => {
    const destination = new FdDestination(openSync('/dev/full', 'w'), { maxPending: 1_000 });
    for (let n = 0; n < 100; n++) destination.write(`${'x'.repeat(99)}\n`);
    await destination.flush(50);
    destination.flushSync(50);
    expect(destination.lost).toBeGreaterThan(80);
  });

  it('may be larger than the buffer that is used again', async () => {
    const path = join(folder, 'large.log');
    const destination = new FdDestination(openSync(path, 'w'), { threaded: true });
    const wide = `${'漢\ud800'.repeat(60_000)}\n`;
    destination.write(wide);
    destination.write('next\n');
    await destination.flush();
    destination.flushSync();
    expect(readFileSync(path, 'utf8')).toBe(`${wide.replaceAll('\ud800', '\ufffd')}next\n`);
  });
});
