/** The file trees of the images, made from what is installed and built in the checkout. */
import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { StartError } from '../launcher/start-error.mjs';
import { type InstalledPackage, type Lock, productionPackages } from './production-packages.ts';
import { isShipped, isShippedProgram } from './shipped-files.ts';

/** What a tree holds. */
export interface Layout {
  readonly packages: readonly InstalledPackage[];
  readonly files: number;
  readonly bytes: number;
}

/** What the image of local certificates is made of: the tool as it is, and the one package that it loads. */
const CERTIFICATE_SOURCES = ['tools/local-ca', 'tools/launcher/start-error.mjs'];
const CERTIFICATE_PACKAGES = ['@peculiar/x509', 'reflect-metadata'];

/** The same content makes the same layer, whenever it is built. Seconds since the epoch: 1980, as archives begin. */
const EPOCH_S = 315_532_800;

const readJson = (path: string) => JSON.parse(readFileSync(path, 'utf8'));

/** One tree being made. */
class Tree {
  readonly #root: string;
  readonly #folder: string;
  #files = 0;
  #bytes = 0;

  constructor(root: string, folder: string) {
    if (existsSync(folder) && readdirSync(folder).length > 0) {
      throw new StartError(`${folder} is not empty: choose another folder, or remove it.`);
    }
    this.#root = root;
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  write(path: string, content: string): void {
    const to = this.#target(path);
    writeFileSync(to, content);
    this.#done(to);
  }

  /** @param from below the root @param to below the tree; the same unless given */
  copy(from: string, to = from): void {
    const target = this.#target(to);
    copyFileSync(join(this.#root, from), target, constants.COPYFILE_FICLONE);
    this.#done(target);
  }

  /** Copies what of a folder is chosen by its path in it; what is installed below a package is a package of its own. */
  copyFolder(from: string, isChosen: (path: string) => boolean): void {
    const folder = join(this.#root, from);
    for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
      if (!entry.isFile()) continue;
      const path = relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/');
      if (!path.startsWith('node_modules/') && isChosen(path)) this.copy(`${from}/${path}`);
    }
  }

  copyPackages(packages: readonly InstalledPackage[]): void {
    for (const { path } of packages) this.copyFolder(path, isShipped);
  }

  /** Gives the folders their rights and times, which have changed with every file. */
  finish(packages: readonly InstalledPackage[]): Layout {
    const folders = readdirSync(this.#folder, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name));
    for (const folder of [...folders, this.#folder]) {
      chmodSync(folder, 0o755);
      utimesSync(folder, EPOCH_S, EPOCH_S);
    }
    return { packages, files: this.#files, bytes: this.#bytes };
  }

  #target(path: string): string {
    const target = join(this.#folder, path);
    mkdirSync(dirname(target), { recursive: true });
    return target;
  }

  /** Everybody may read it and nobody write it, whatever the checkout's own rights are. */
  #done(path: string): void {
    chmodSync(path, 0o644);
    utimesSync(path, EPOCH_S, EPOCH_S);
    this.#files += 1;
    this.#bytes += statSync(path).size;
  }
}

/** The manifest without what only a checkout can do. */
function manifest(root: string, dependencies: readonly InstalledPackage[]): string {
  const { name, version, description, license, dependencies: declared } = readJson(join(root, 'package.json'));
  const kept = Object.fromEntries(
    Object.entries(declared).filter(([dependency]) => dependencies.some((found) => found.name === dependency)),
  );
  const own = { name, version, description, private: true, type: 'module', license, dependencies: kept };
  return `${JSON.stringify(own, undefined, 2)}\n`;
}

const lockOf = (root: string): Lock => readJson(join(root, 'package-lock.json'));

/**
 * Lays out what `/app` of the product's image holds: the built product without sources and maps, the packages that it
 * runs on, the OpenAPI document that it serves, and the health check. dist/ must be built.
 * @param folder made if need be; must be empty
 * @throws StartError when it is not; Error when a package is missing
 */
export function layOutProduct(root: string, folder: string): Layout {
  const tree = new Tree(root, folder);
  const packages = productionPackages(root, lockOf(root));
  tree.copyFolder('dist', isShippedProgram);
  tree.copyPackages(packages);
  tree.copy('docs/openapi.json');
  tree.copy('tools/image/health.mjs', 'health.mjs');
  tree.write('package.json', manifest(root, packages));
  return tree.finish(packages);
}

/**
 * Lays out what `/app` of the image holds that makes certificates for a platform on one machine (docker-compose.yml).
 * @param folder made if need be; must be empty
 */
export function layOutCertificates(root: string, folder: string): Layout {
  const tree = new Tree(root, folder);
  const packages = productionPackages(root, lockOf(root), CERTIFICATE_PACKAGES);
  for (const source of CERTIFICATE_SOURCES) {
    if (statSync(join(root, source)).isFile()) tree.copy(source);
    else tree.copyFolder(source, (path) => !path.endsWith('.spec.ts'));
  }
  tree.copyPackages(packages);
  tree.write('package.json', manifest(root, packages));
  return tree.finish(packages);
}
