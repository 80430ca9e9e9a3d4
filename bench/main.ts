import { fileURLToPath } from 'node:url';
import { Arena } from './arena.ts';
import { readOptions, USAGE, UsageError } from './options.ts';
import { bench, log } from './run.ts';

const RESULTS = fileURLToPath(new URL('./results.md', import.meta.url));
const MAIN = fileURLToPath(new URL('../dist/apps/main.js', import.meta.url));

async function main(): Promise<number> {
  const args = process.argv.slice(2);
  if (args.includes('--help')) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  const options = readOptions(args, { out: RESULTS, main: MAIN });
  const arena = new Arena();
  let interrupted = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      interrupted = true;
      log('interrupted, stopping');
      // What is being measured loses its processes and fails; the end below then stops what was still starting.
      arena.close().catch(() => undefined);
    });
  }
  try {
    const met = await bench(arena, options);
    return met || !options.check ? 0 : 1;
  } catch (error) {
    if (interrupted) return 130;
    throw error;
  } finally {
    await arena.close();
  }
}

// A reader that went away (`| head`) must not end the run before everything is stopped.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);
try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  if (error instanceof UsageError) process.stderr.write(`\n${USAGE}\n`);
  process.exitCode = 1;
}
