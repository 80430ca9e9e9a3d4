/** Which installed packages the product needs to run, by the lock file. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** What stands in package-lock.json (version 3) about one package, as far as it is asked for here. */
interface LockedPackage {
  readonly version?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

export interface Lock {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

/** One package as it is installed. */
export interface InstalledPackage {
  /** Folder below the root: `node_modules/a/node_modules/b`. */
  readonly path: string;
  readonly name: string;
  readonly version: string;
}

const MODULES = 'node_modules/';

const nameOf = (path: string): string => path.slice(path.lastIndexOf(MODULES) + MODULES.length);

/** Type declarations have nothing to run. */
const isTypesOnly = (name: string): boolean => name.startsWith('@types/');

/** The package, or the root, in whose node_modules a package lies. */
const holderOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf(MODULES) - 1));

/** Where Node finds a package for one that lies at `from`; undefined when it is not in the lock. */
function resolve(lock: Lock, from: string, name: string): string | undefined {
  for (let folder = from; ; folder = holderOf(folder)) {
    const candidate = `${folder === '' ? '' : `${folder}/`}${MODULES}${name}`;
    if (lock.packages[candidate]) return candidate;
    if (folder === '') return undefined;
  }
}

/**
 * The packages that these need, themselves included: dependencies of dependencies, their peers, and of the optional ones
 * what is installed on this machine. Dev dependencies and the root's own optional ones (a Node and a PostgreSQL for
 * machines that have none) are not among them.
 * @param names what is asked for; the root's dependencies unless given
 * @throws Error when one that must be there is not
 */
export function productionPackages(root: string, lock: Lock, names?: readonly string[]): InstalledPackage[] {
  const found = new Map<string, InstalledPackage>();
  const waiting: string[] = [];
  const isInstalled = (path: string) => existsSync(join(root, path, 'package.json'));
  const add = (from: string, name: string, isOptional: boolean) => {
    if (isTypesOnly(name)) return;
    const path = resolve(lock, from, name);
    const version = path === undefined ? undefined : lock.packages[path]?.version;
    if (path === undefined || version === undefined || !isInstalled(path)) {
      if (isOptional) return;
      throw new Error(`${name}, which ${from || 'the image'} needs, is not installed: run npm ci`);
    }
    if (found.has(path)) return;
    found.set(path, { path, name: nameOf(path), version });
    waiting.push(path);
  };
  for (const name of names ?? Object.keys(lock.packages['']?.dependencies ?? {})) add('', name, false);
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const { dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta } = lock.packages[path] ?? {};
    const optional = Object.keys(optionalDependencies ?? {});
    for (const name of Object.keys(dependencies ?? {})) add(path, name, false);
    for (const name of optional) add(path, name, true);
    for (const name of Object.keys(peerDependencies ?? {})) {
      // An optional peer counts when somebody else asks for it.
      if (peerDependenciesMeta?.[name]?.optional !== true) add(path, name, false);
    }
  }
  return [...found.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}
