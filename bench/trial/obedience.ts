/** Does what a trial asks of this process, one command after the other, until it is left alone. */
export function obeyTrial<Command, Event>(obey: (command: Command) => Promise<Event>): void {
  process.on('message', (command: Command) => {
    obey(command).then(
      (event) => process.send?.(event),
      (error: unknown) => {
        process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
        process.exit(1);
      },
    );
  });
  process.on('disconnect', () => process.exit(0));
  // Ctrl-C reaches the whole process group; the benchmark decides when a process ends.
  process.on('SIGINT', () => undefined);
}

/**
 * CPU time of one operation, in µs.
 * @param batch does `count` of them; other work of the process gets its turns between batches
 * @param ms CPU time to measure at least
 */
export async function cpuMicrosOf(batch: () => unknown, count: number, ms: number): Promise<number> {
  const start = process.cpuUsage();
  let done = 0;
  for (;;) {
    const working = batch();
    if (working instanceof Promise) await working;
    done += count;
    const { user, system } = process.cpuUsage(start);
    const micros = user + system;
    if (micros >= ms * 1000) return micros / done;
    await new Promise(setImmediate);
  }
}
