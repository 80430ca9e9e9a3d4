/**
 * `node tools/image/build.ts <folder> [--certificates]`
 *
 * Lays out what `/app` of the image holds (with `--certificates`: of the one that makes certificates for a platform on one
 * machine), and says what is in it. The Dockerfile does nothing else, so what is tested without a container engine is
 * what is shipped. Builds dist/ first when the sources have changed.
 */
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build, cacheFolder, isBuilt } from '../launcher/build.mjs';
import { waitForLock } from '../launcher/file-lock.mjs';
import { Progress } from '../launcher/progress.mjs';
import { StartError } from '../launcher/start-error.mjs';
import { type Layout, layOutCertificates, layOutProduct } from './layout.ts';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const USAGE = 'usage: node tools/image/build.ts <folder> [--certificates]';

/** Builds dist/ unless it is what the sources give now; one process at a time. */
async function ensureBuilt(root: string): Promise<void> {
  if (isBuilt(root)) return;
  const lock = await waitForLock(join(cacheFolder(root), 'bootstrap.lock'), { childrenHold: true });
  try {
    const progress = new Progress(process.stderr);
    const context = { node: process.execPath, progress, errors: process.stderr, lock, onChild: () => undefined };
    if (!isBuilt(root)) await build(root, context);
  } finally {
    lock.release();
  }
}

/** @throws StartError */
export async function buildTree(root: string, args: string[]): Promise<Layout> {
  let parsed: { values: { certificates?: boolean | undefined }; positionals: string[] };
  try {
    parsed = parseArgs({ args, allowPositionals: true, options: { certificates: { type: 'boolean' } } });
  } catch (error) {
    throw new StartError(`${error instanceof Error ? error.message : error}\n${USAGE}`);
  }
  const [folder, ...more] = parsed.positionals;
  if (folder === undefined || more.length > 0) throw new StartError(USAGE);
  if (parsed.values.certificates) return layOutCertificates(root, resolve(folder));
  await ensureBuilt(root);
  return layOutProduct(root, resolve(folder));
}

if (import.meta.main) {
  try {
    const { packages, files, bytes } = await buildTree(ROOT, process.argv.slice(2));
    console.log(`${packages.length} packages, ${files} files, ${(bytes / 1e6).toFixed(1)} MB`);
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
