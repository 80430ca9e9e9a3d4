/**
 * Programs and schemas that charts are held against, from the registries of Python and Go: each is fetched once, in a fixed
 * version, into the cache of the checkout.
 */
import { execFile } from 'node:child_process';
import { existsSync, globSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { programOnPath } from '../verify/programs.ts';
import { CACHE, type Missing, once, type Program } from './fetched.ts';

const FETCH_TIMEOUT_MS = 300_000;
const BUILD_TIMEOUT_MS = 1_200_000;

/** A Go module as it is published. */
export interface GoModule {
  readonly path: string;
  readonly version: string;
  /** Of its content, as `go.sum` has it. */
  readonly sum: string;
}

/** Kubernetes' own kinds, of 1.25 to 1.37, in strict form; and what it needs. */
const KUBERNETES_VALIDATE = [
  'kubernetes-validate==1.37.0',
  'attrs==26.1.0',
  'importlib-resources==7.1.0',
  'jsonschema==4.26.0',
  'jsonschema-specifications==2025.9.1',
  'packaging==26.3',
  'PyYAML==6.0.3',
  'referencing==0.37.0',
  'rpds-py==2026.9.1',
  'typing-extensions==4.16.0',
];

const KUBE_LINTER = 'golang.stackrox.io/kube-linter/cmd/kube-linter@v0.7.6';

const onPath = (name: string): string | undefined => programOnPath(name, '/usr/local/go/bin');

/** The line of a failed command that says most. */
function reasonOf(error: unknown): string {
  const { message, stderr } = error as { message: string; stderr?: string };
  const lines = (stderr ?? message).split('\n').filter((line) => /\S/.test(line));
  return (lines.find((line) => /40[34]|410|denied|not available|error/i.test(line)) ?? lines.at(-1) ?? message).trim();
}

/** Schemas of other versions than those are thousands of files, through which every tool that looks at the tree would go. */
function removeSchemas(folder: string, kept: readonly string[]): void {
  const wanted = kept.map((version) => `v${version}.0-local-strict`);
  const pattern = 'lib/python3*/site-packages/kubernetes_validate/kubernetes-json-schema/*';
  for (const found of globSync(pattern, { cwd: folder })) {
    if (!wanted.includes(path.basename(found))) rmSync(path.join(folder, found), { recursive: true, force: true });
  }
}

/**
 * `kubernetes-validate`, in an environment of Python of its own.
 * @param versions those of Kubernetes that it is to know, in strict form: `1.34`
 */
export async function findKubernetesValidate(versions: readonly string[]): Promise<Program | Missing> {
  const folder = path.join(CACHE, `kubernetes-validate-1.37.0-for-${versions.join('-')}`);
  const binary = path.join(folder, 'bin/kubernetes-validate');
  const python = onPath('python3');
  if (!existsSync(binary) && !python) return { missing: 'no kubernetes-validate: it needs python3', expected: true };
  try {
    await once(binary, async () => {
      rmSync(folder, { recursive: true, force: true });
      await promisify(execFile)(python as string, ['-m', 'venv', folder], { timeout: FETCH_TIMEOUT_MS });
      const pip = ['-m', 'pip', 'install', '--quiet', '--no-input', '--no-deps', ...KUBERNETES_VALIDATE];
      try {
        await promisify(execFile)(path.join(folder, 'bin/python3'), pip, { timeout: FETCH_TIMEOUT_MS });
        removeSchemas(folder, versions);
      } catch (error) {
        rmSync(folder, { recursive: true, force: true });
        throw error;
      }
    });
    return { binary };
  } catch (error) {
    return { missing: `no kubernetes-validate: ${reasonOf(error)}`, expected: true };
  }
}

/** Modules and programs of Go are kept in the cache, where they can be removed. */
const goEnvironment = (binaries: string): NodeJS.ProcessEnv => ({
  ...process.env,
  GOBIN: binaries,
  GOFLAGS: '-modcacherw',
  GOMODCACHE: path.join(CACHE, 'go'),
});

/**
 * `kube-linter`: the one on the PATH, or built from its module. A registry that does not have the module is no fault of
 * the machine.
 */
export async function findKubeLinter(): Promise<Program | Missing> {
  const present = onPath('kube-linter');
  if (present) return { binary: present };
  const folder = path.join(CACHE, `kube-linter-${KUBE_LINTER.split('@')[1]}`);
  const binary = path.join(folder, 'kube-linter');
  const go = onPath('go');
  if (!existsSync(binary) && !go) return { missing: 'no kube-linter: it needs Go', expected: true };
  try {
    await once(binary, async () => {
      const options = { cwd: CACHE, env: goEnvironment(folder), timeout: BUILD_TIMEOUT_MS };
      await promisify(execFile)(go as string, ['install', KUBE_LINTER], options);
    });
    return { binary };
  } catch (error) {
    const reason = reasonOf(error);
    return { missing: `no kube-linter: ${reason}`, expected: !/\b(403|404|410)\b/.test(reason) };
  }
}

/** The folder of a Go module's files. @throws Error when it cannot be had, or is not the one that is meant */
async function downloadModule(go: string, { path: name, version, sum }: GoModule): Promise<string> {
  const { stdout } = await promisify(execFile)(go, ['mod', 'download', '-json', `${name}@${version}`], {
    cwd: CACHE,
    env: goEnvironment(CACHE),
    timeout: FETCH_TIMEOUT_MS,
  });
  const { Dir, Sum } = JSON.parse(stdout);
  if (Sum !== sum) throw new Error(`${name} ${version} has another content than expected: ${Sum}`);
  return Dir;
}

/** The folders of Go modules, which hold more than code. */
export async function findModules(modules: readonly GoModule[]): Promise<{ folders: string[] } | Missing> {
  const go = onPath('go');
  if (!go) return { missing: 'no schemas of custom resources: they come by Go', expected: true };
  mkdirSync(CACHE, { recursive: true });
  const folders: string[] = [];
  try {
    for (const module of modules) folders.push(await downloadModule(go, module));
    return { folders };
  } catch (error) {
    return { missing: `no schemas of custom resources: ${reasonOf(error)}`, expected: true };
  }
}
