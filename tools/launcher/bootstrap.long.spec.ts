import { spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { jest } from '@jest/globals';
import { until } from '../postgres/processes.ts';
import { CHECKOUT } from './app-process.ts';
import { fingerprint, isBuilt } from './build.mjs';
import { tryLock } from './file-lock.mjs';
import { PATIENCE_MS } from './testing/launcher-run.ts';

jest.setTimeout(2 * PATIENCE_MS);

/** Stands in for the build: copies apps/main.ts, counts its runs, fails on "broken" and waits while a file says so. */
const BUILDER = `
const { appendFileSync, copyFileSync, existsSync, mkdirSync, readFileSync } = require('node:fs');
const [, , command, app, , config] = process.argv;
const { compilerOptions } = JSON.parse(readFileSync(config, 'utf8'));
const out = compilerOptions.builder.options.outDir;
appendFileSync('builds', [command, app, compilerOptions.deleteOutDir].join(' ') + '\\n');
mkdirSync(out + '/apps', { recursive: true });
if (readFileSync('apps/main.ts', 'utf8').includes('broken')) {
  console.error('apps/main.ts:1 does not compile');
  process.exit(1);
}
copyFileSync('apps/main.ts', out + '/apps/main.js');
const wait = setInterval(() => existsSync('hold') || clearInterval(wait), 20);
`;

/** Stands in for npm: notes how it was called and does what npm ci does to node_modules. */
const NPM = `
const { appendFileSync, cpSync, existsSync, mkdirSync } = require('node:fs');
appendFileSync('installs', process.argv.slice(2).join(' ') + '\\n');
if (existsSync('offline')) {
  console.error('npm error code ENOTFOUND\\nnpm error errno ENOTFOUND\\nnpm error network request to the registry failed.');
  process.exit(1);
}
mkdirSync('node_modules/@nestjs/cli/bin', { recursive: true });
cpSync('builder.cjs', 'node_modules/@nestjs/cli/bin/nest.js');
`;

let root: string;

const path = (...parts: string[]): string => join(root, ...parts);
const lines = (name: string): string[] =>
  existsSync(path(name)) ? readFileSync(path(name), 'utf8').trim().split('\n') : [];

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'nexus-bootstrap-')));
  for (const folder of ['apps', 'libs', 'npm']) mkdirSync(path(folder));
  mkdirSync(path('tools', 'launcher'), { recursive: true });
  cpSync(join(CHECKOUT, 'tools', 'bootstrap.mjs'), path('tools', 'bootstrap.mjs'));
  for (const name of readdirSync(import.meta.dirname).filter((file) => file.endsWith('.mjs'))) {
    cpSync(join(import.meta.dirname, name), path('tools', 'launcher', name));
  }
  writeFileSync(path('package.json'), '{}');
  writeFileSync(path('package-lock.json'), '{}');
  writeFileSync(path('tsconfig.json'), '{}');
  writeFileSync(
    path('nest-cli.json'),
    JSON.stringify({ compilerOptions: { builder: { type: 'swc' }, deleteOutDir: true } }),
  );
  writeFileSync(path('apps', 'main.ts'), 'first');
  writeFileSync(path('builder.cjs'), BUILDER);
  writeFileSync(path('npm', 'npm-cli.js'), NPM);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

interface Result {
  code: number | null;
  signal: NodeJS.Signals | null;
  out: string;
  err: string;
}

function bootstrap(
  args: string[],
  env: Record<string, string> = {},
): { pid: number; kill(signal: NodeJS.Signals): void; result: Promise<Result> } {
  const child = spawn(process.execPath, [path('tools', 'bootstrap.mjs'), ...args], {
    cwd: tmpdir(),
    env: { PATH: process.env.PATH, npm_execpath: path('npm', 'npm-cli.js'), ...env },
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (text) => {
    out += text;
  });
  child.stderr.on('data', (text) => {
    err += text;
  });
  return {
    pid: child.pid ?? 0,
    kill: (signal) => child.kill(signal),
    result: new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal, out, err }))),
  };
}

const exec = (...command: string[]): Promise<Result> => bootstrap(['exec', '--', ...command]).result;
const cat = (): Promise<Result> => exec('cat', path('dist', 'apps', 'main.js'));

describe('bootstrap', () => {
  it('installs and builds once, then goes straight to the command', async () => {
    expect(await cat()).toMatchObject({ code: 0, out: 'first', err: 'Installing packages…\nBuilding…\n' });
    expect(await cat()).toMatchObject({ code: 0, out: 'first', err: '' });
    expect(lines('installs')).toEqual(['ci --no-audit --no-fund --include=dev --include=optional --include=peer']);
    expect(lines('builds')).toEqual(['build gateway false']);
    expect(readFileSync(path('node_modules', '.nexus-lock'), 'utf8')).toBe('{}');
  });

  it('installs again when the lock file has changed', async () => {
    await cat();
    writeFileSync(path('package-lock.json'), '{"changed":true}');
    await cat();
    expect(lines('installs')).toHaveLength(2);
  });

  it('ends in one sentence when packages cannot be installed, and tries again the next time', async () => {
    writeFileSync(path('offline'), '');
    const failed = await cat();
    expect(failed.code).toBe(1);
    expect(failed.err).toBe(
      `Installing packages…\nInstalling packages failed (ENOTFOUND, network request to the registry failed); npm's output is in ${path('.cache', 'install.log')}.\n`,
    );
    rmSync(path('offline'));
    expect(await cat()).toMatchObject({ code: 0, out: 'first' });
  });

  it('builds again when a source has changed, and keeps the old build when the new one is broken', async () => {
    await cat();
    writeFileSync(path('apps', 'main.ts'), 'second');
    expect((await cat()).out).toBe('second');

    writeFileSync(path('apps', 'main.ts'), 'broken');
    const broken = await cat();
    expect(broken).toMatchObject({ code: 1, out: '' });
    expect(broken.err).toBe('Building…\napps/main.ts:1 does not compile\nThe build failed; its messages are above.\n');
    expect(readFileSync(path('dist', 'apps', 'main.js'), 'utf8')).toBe('second');
    expect((await bootstrap(['exec', '--no-build', '--', 'echo', 'lint']).result).out).toBe('lint\n');
    expect((await cat()).code).toBe(1);

    writeFileSync(path('apps', 'main.ts'), 'third');
    expect((await cat()).out).toBe('third');
    expect(readdirSync(root).filter((name) => name.startsWith('.dist-'))).toEqual([]);
  });

  it('builds once for several that start at the same time', async () => {
    const results = await Promise.all(Array.from({ length: 4 }, cat));
    expect(results.map(({ code, out }) => `${code} ${out}`)).toEqual(Array(4).fill('0 first'));
    expect(lines('installs')).toHaveLength(1);
    expect(lines('builds')).toHaveLength(1);
  });

  it('recovers from one that was killed while it built', async () => {
    await cat();
    writeFileSync(path('apps', 'main.ts'), 'second');
    writeFileSync(path('hold'), '');
    const killed = bootstrap(['exec', '--', 'true']);
    expect(await until(() => lines('builds').length === 2, PATIENCE_MS)).toBe(true);
    killed.kill('SIGKILL');
    await killed.result.catch(() => undefined);
    const next = bootstrap(['exec', '--', 'cat', path('dist', 'apps', 'main.js')]);
    rmSync(path('hold'));
    expect(await next.result).toMatchObject({ code: 0, out: 'second' });
    expect(readdirSync(root).filter((name) => name.startsWith('.dist-'))).toEqual([]);
    expect(existsSync(path('.cache', 'bootstrap.lock'))).toBe(false);
  });

  it('stops the build when it is told to, and gives the lock back', async () => {
    writeFileSync(path('hold'), '');
    const run = bootstrap(['exec', '--', 'true']);
    expect(await until(() => lines('builds').length === 1, PATIENCE_MS)).toBe(true);
    run.kill('SIGTERM');
    expect((await run.result).code).toBe(143);
    expect(await tryLock(path('.cache', 'bootstrap.lock'), { childrenHold: true })).toHaveProperty('lock');
  });

  it("passes the command's exit code and signal on, and finds this Node first", async () => {
    expect((await exec('sh', '-c', 'exit 7')).code).toBe(7);
    expect((await exec('sh', '-c', 'kill -TERM $$')).signal).toBe('SIGTERM');
    expect((await exec('sh', '-c', 'echo "$PATH"')).out.split(':').slice(0, 2)).toEqual([
      dirname(process.execPath),
      path('node_modules', '.bin'),
    ]);
    const missing = await bootstrap(['exec', '--', 'no-such-command'], { PATH: '/usr/bin:/bin' }).result;
    expect(missing.code).toBe(127);
    expect(missing.err).toContain('no-such-command could not be started');
  });

  it('passes signals to the command', async () => {
    const script = 'trap "echo stopped; exit 5" TERM; touch "$1"; while :; do sleep 0.05; done';
    const run = bootstrap(['exec', '--', 'sh', '-c', script, 'sh', path('up')]);
    expect(await until(() => existsSync(path('up')), PATIENCE_MS)).toBe(true);
    run.kill('SIGTERM');
    expect(await run.result).toMatchObject({ code: 5, out: 'stopped\n' });
  });

  it.each([
    [[]],
    [['exec']],
    [['exec', '--']],
    [['unknown']],
  ])('says how it is used when called with %j', async (args) => {
    const result = await bootstrap(args).result;
    expect(result).toMatchObject({ code: 1, out: '' });
    expect(result.err).toMatch(/^Usage: node tools\/bootstrap\.mjs/);
  });
});

describe('bootstrap start', () => {
  /** Stands in for the launcher: notes what reaches it, and stops when told to. */
  const LAUNCHER = `
    import { appendFileSync } from 'node:fs';
    const note = (text: string): void => appendFileSync('notes', text + '\\n');
    process.on('SIGTERM', () => process.exit(note('SIGTERM') as undefined));
    process.on('SIGINT', () => note('SIGINT'));
    process.on('SIGHUP', () => process.exit(note('SIGHUP') as undefined));
    process.on('disconnect', () => process.exit(note('disconnect') as undefined));
    note(['up', ...process.argv.slice(2)].join(' '));
  `;
  const noted = async (...expected: string[]): Promise<void> => {
    await until(() => lines('notes').length >= expected.length, PATIENCE_MS);
    expect(lines('notes')).toEqual(expected);
  };

  beforeEach(async () => {
    writeFileSync(path('tools', 'launcher', 'main.ts'), LAUNCHER);
    writeFileSync(path('tools', 'package.json'), '{"type":"module"}');
    await cat();
  });

  it('counts a signal that a terminal and npm both deliver once, and one that comes later again', async () => {
    const run = bootstrap(['start']);
    await noted('up');
    run.kill('SIGINT');
    run.kill('SIGINT');
    await noted('up', 'SIGINT');
    // Longer than the time within which two count as one; there is no other sign of it to wait for.
    await new Promise((later) => setTimeout(later, 500));
    run.kill('SIGINT');
    await noted('up', 'SIGINT', 'SIGINT');
    run.kill('SIGHUP');
    expect((await run.result).code).toBe(0);
  });

  it('lets the launcher know when it is killed itself', async () => {
    const run = bootstrap(['dev']);
    await noted('up --watch');
    run.kill('SIGKILL');
    await noted('up --watch', 'disconnect');
  });

  it('stops the launcher when the npm that started it is killed', async () => {
    const npm = spawn(
      process.execPath,
      [
        '-e',
        `require('node:child_process').spawn('sh', ['-c', process.argv[1] + '; exit'])`,
        `"${process.execPath}" tools/bootstrap.mjs start`,
      ],
      { cwd: root, env: { ...process.env, npm_lifecycle_event: 'start' }, stdio: 'ignore' },
    );
    await noted('up');
    npm.kill('SIGKILL');
    await noted('up', 'SIGTERM');
  });
});

describe('fingerprint', () => {
  it('depends on what is built and on nothing else', () => {
    const before = fingerprint(root);
    writeFileSync(path('apps', 'main.spec.ts'), 'a test');
    writeFileSync(path('README.md'), 'text');
    writeFileSync(path('apps', 'main.ts'), 'first');
    expect(fingerprint(root)).toBe(before);
    const seen = new Set([before]);
    for (const [name, content] of [
      [path('apps', 'main.ts'), 'other'],
      [path('libs', 'new.ts'), ''],
      [path('tsconfig.build.json'), '{}'],
      [path('.swcrc'), '{}'],
      [path('package-lock.json'), '{"a":1}'],
    ] as const) {
      writeFileSync(name, content);
      seen.add(fingerprint(root));
    }
    expect(seen.size).toBe(6);
  });
});

describe('isBuilt', () => {
  it('does not take a folder without its stamp, or without its entry, for a build', async () => {
    expect((await cat()).code).toBe(0);
    expect(isBuilt(root)).toBe(true);
    rmSync(path('dist', 'apps', 'main.js'));
    expect(isBuilt(root)).toBe(false);
    expect((await cat()).code).toBe(0);
    rmSync(path('dist', '.nexus-build'));
    expect(isBuilt(root)).toBe(false);
  });
});
