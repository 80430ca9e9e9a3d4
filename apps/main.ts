import { readFileSync } from 'node:fs';
import { startTargets } from '@nexus/bootstrap';
import { catalog } from './catalog.js';

/** Runs the picked services: `--target=all`, `--target=auth,user`. */
export async function main(args: readonly string[]): Promise<void> {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  await startTargets({ catalog, version, args });
}

if (import.meta.main) await main(process.argv.slice(2));
