import 'reflect-metadata';
import { FLAGS_HELP, type Flags, FlagsError, packageVersion, readFlags } from '@nexus/config';
import { SERVICE_NAMES } from '@nexus/contracts';

/** Runs the picked services: `--target=all`, `--target=auth,user`. */
export async function main(args: readonly string[]): Promise<void> {
  let flags: Flags;
  try {
    flags = readFlags(args);
  } catch (error) {
    if (!(error instanceof FlagsError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
    return;
  }
  if (flags.only === 'help') process.stdout.write(`${FLAGS_HELP}\n`);
  else if (flags.only === 'list-targets') process.stdout.write(`${['all', ...SERVICE_NAMES].join('\n')}\n`);
  else await start(flags);
}

/** Loading the services takes a second, which nobody has to wait for who mistyped a flag. */
async function start(flags: Flags): Promise<void> {
  const [{ startTargets }, { catalog }] = await Promise.all([import('@nexus/bootstrap'), import('./catalog.js')]);
  await startTargets({ catalog, version: packageVersion, flags });
}

if (import.meta.main) await main(process.argv.slice(2));
