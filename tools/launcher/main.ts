import { CHECKOUT } from './app-process.ts';
import { launch } from './launch.ts';
import { StartError } from './start-error.mjs';
import { StopRequest } from './stop-request.ts';

/** Wires one launch to this process: its signals, its terminal, and whoever started it. */
export async function runLauncher(options: {
  root: string;
  watch: boolean;
  split?: boolean;
  appEntry?: string;
  centralDir?: string;
}): Promise<void> {
  const stop = new StopRequest();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.request());
  process.on('disconnect', () => stop.requestOnce());
  // A terminal that has been closed must not keep us from stopping the database.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  try {
    await launch({ ...options, env: process.env, out: process.stdout, err: process.stderr, stop });
  } catch (error) {
    const text = error instanceof StartError ? error.message : error instanceof Error ? error.stack : String(error);
    process.stderr.write(`${text}\n`, () => process.exit(1));
    return;
  }
  process.exit(0);
}

if (import.meta.main) {
  const { argv } = process;
  await runLauncher({ root: CHECKOUT, watch: argv.includes('--watch'), split: argv.includes('--split') });
}
