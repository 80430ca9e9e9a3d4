/** The charts of `helm/`, made ready for Helm without its dependency commands, and what Helm says about them. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { HELM_VERSION } from './helm-binary.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const HELM_TIMEOUT_MS = 60_000;
const OUTPUT_LIMIT = 64 * 1024 * 1024;
/** Copies of charts that have changed since are kept for so long, for who may still use them. */
const KEPT_MS = 24 * 3_600_000;
/** Changes with the form of what is kept. */
const LAYOUT = 'layout 2';
/** What Helm's own dependency commands leave in a chart. */
const NOT_SOURCE = /^[^/]+\/(charts|Chart\.lock)(\/|$)/;

/** What `Chart.yaml` says, as far as it matters here. */
export interface ChartFile {
  readonly name: string;
  readonly version: string;
  readonly appVersion?: string;
  readonly type?: string;
  readonly dependencies?: readonly {
    readonly name: string;
    readonly repository: string;
    readonly condition?: string;
  }[];
}

/** The charts, each with what it depends on in its `charts/`. */
export interface BuiltCharts {
  /** Holds a folder per chart, and `envs/`. */
  readonly folder: string;
  /** By the names of their folders. */
  readonly charts: ReadonlyMap<string, ChartFile>;
}

/** What a run of Helm gave. */
export interface HelmRun {
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

function filesOf(source: string): string[] {
  return readdirSync(source, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(source, path.join(entry.parentPath, entry.name)).split(path.sep).join('/'))
    .filter((file) => !NOT_SOURCE.test(file))
    .sort();
}

function contentHash(source: string, files: readonly string[]): string {
  const hash = createHash('sha256').update(`${HELM_VERSION} ${LAYOUT}`);
  for (const file of files) hash.update(`\0${file}\0`).update(readFileSync(path.join(source, file)));
  return hash.digest('hex').slice(0, 24);
}

/** Every chart under a folder, by the name of its own folder. */
export function readCharts(source: string): Map<string, ChartFile> {
  const charts = new Map<string, ChartFile>();
  for (const name of readdirSync(source).sort()) {
    const file = path.join(source, name, 'Chart.yaml');
    if (existsSync(file)) charts.set(name, parse(readFileSync(file, 'utf8')));
  }
  return charts;
}

/** Puts a copy of every `file://` dependency under `charts/`, those of the dependency first. */
function addDependencies(folder: string, charts: ReadonlyMap<string, ChartFile>): void {
  const done = new Set<string>();
  const add = (name: string, waiting: readonly string[]): void => {
    if (done.has(name)) return;
    if (waiting.includes(name)) throw new Error(`the charts ${[...waiting, name].join(' → ')} depend on each other`);
    for (const { name: needed, repository } of charts.get(name)?.dependencies ?? []) {
      const from = /^file:\/\/\.\.\/([^/]+)\/?$/.exec(repository)?.[1];
      if (from === undefined || !charts.has(from))
        throw new Error(`${name} depends on ${repository}, which is not here`);
      add(from, [...waiting, name]);
      cpSync(path.join(folder, from), path.join(folder, name, 'charts', needed), { recursive: true });
    }
    done.add(name);
  };
  for (const name of charts.keys()) add(name, []);
}

function removeOld(cache: string, current: string): void {
  for (const name of readdirSync(cache)) {
    const folder = path.join(cache, name);
    const age = Date.now() - (statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (name !== current && age > KEPT_MS) rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * A copy of the charts with their dependencies in place, made once for their content: nothing of it is written into the
 * source.
 * @throws Error when a dependency is not one of them
 */
export function buildCharts(options: { source?: string; cache?: string } = {}): BuiltCharts {
  const { source = path.join(ROOT, 'helm'), cache = path.join(ROOT, '.cache/charts') } = options;
  const files = filesOf(source);
  const name = contentHash(source, files);
  const folder = path.join(cache, name);
  if (!existsSync(folder)) {
    mkdirSync(cache, { recursive: true });
    removeOld(cache, name);
    const staging = mkdtempSync(path.join(cache, 'new-'));
    for (const file of files) cpSync(path.join(source, file), path.join(staging, file));
    addDependencies(staging, readCharts(staging));
    try {
      renameSync(staging, folder);
    } catch (error) {
      // Another process was first; what it made is the same.
      rmSync(staging, { recursive: true, force: true });
      if (!existsSync(folder)) throw error;
    }
  }
  return { folder, charts: readCharts(folder) };
}

/** Runs Helm in a folder, with nothing of the user's: no plug-ins, repositories or cluster. */
export function runHelm(binary: string, args: readonly string[], cwd: string): Promise<HelmRun> {
  const own = path.join(path.dirname(binary), 'home');
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: own,
    HELM_CACHE_HOME: path.join(own, 'cache'),
    HELM_CONFIG_HOME: path.join(own, 'config'),
    HELM_DATA_HOME: path.join(own, 'data'),
    KUBECONFIG: path.join(own, 'no-cluster'),
    // It runs for half a second, and has memory to spare.
    GOGC: '400',
  };
  return new Promise((resolve, reject) => {
    const options = { cwd, env, timeout: HELM_TIMEOUT_MS, maxBuffer: OUTPUT_LIMIT };
    execFile(binary, args, options, (error, stdout, stderr) => {
      // Helm says no with an exit code of its own; anything else is no answer.
      if (error && typeof error.code !== 'number') reject(new Error(`helm ${args.join(' ')}: ${error.message}`));
      else resolve({ ok: !error, stdout, stderr });
    });
  });
}

/** What was once made of these charts with these arguments: it is made once, whoever asks, and kept with the charts. */
export async function remembered<T>(
  { folder }: BuiltCharts,
  args: readonly string[],
  make: () => Promise<T>,
): Promise<T> {
  const answers = path.join(folder, '.answers');
  const file = path.join(answers, `${createHash('sha256').update(args.join('\0')).digest('hex')}.json`);
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8'));
  const answer = await make();
  mkdirSync(answers, { recursive: true });
  const own = `${file}.${process.pid}`;
  writeFileSync(own, JSON.stringify(answer));
  renameSync(own, file);
  return answer;
}

/** Remembers what Helm said of charts. */
export function askHelm(binary: string, built: BuiltCharts, args: readonly string[]): Promise<HelmRun> {
  return remembered(built, args, () => runHelm(binary, args, built.folder));
}
