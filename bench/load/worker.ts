import { LoadRun } from './load-run.ts';
import type { LoadCommand, LoadEvent } from './protocol.ts';

/** The load process: one plan after another, driven over the IPC channel; it ends when its parent goes away. */
let run: LoadRun | undefined;

function tell(event: LoadEvent): void {
  process.send?.(event);
}

async function obey(command: LoadCommand): Promise<void> {
  if (command.type === 'open') {
    run = new LoadRun(command.plan);
    await run.open();
    tell({ type: 'opened' });
  } else if (run === undefined) {
    throw new Error(`"${command.type}" before "open"`);
  } else if (command.type === 'run') {
    run.start();
  } else {
    tell({ type: 'finished', result: await run.stop() });
    run = undefined;
  }
}

process.on('message', (command: LoadCommand) => {
  obey(command).catch((error: unknown) => {
    tell({ type: 'failed', reason: error instanceof Error ? error.message : String(error) });
  });
});
process.on('disconnect', () => process.exit(0));
// Ctrl-C reaches the whole process group; the parent decides when the load process ends.
process.on('SIGINT', () => undefined);
tell({ type: 'ready' });
