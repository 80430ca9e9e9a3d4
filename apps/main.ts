import 'reflect-metadata';
import { startTargets } from '@nexus/bootstrap';
import { packageVersion } from '@nexus/config';
import { catalog } from './catalog.js';

/** Runs the picked services: `--target=all`, `--target=auth,user`. */
export async function main(args: readonly string[]): Promise<void> {
  await startTargets({ catalog, version: packageVersion, args });
}

if (import.meta.main) await main(process.argv.slice(2));
