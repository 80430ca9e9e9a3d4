import type { CheckCommand, CheckEvent, TokenCase } from './protocol.ts';

const CHECKS_PER_TURN = 5_000;
const PREFIX = 'Bearer ';
/**
 * The token arrives as part of another field's text each time: never the same string twice in a row. Few enough to stay
 * in the processor's first cache, where the parser has just written a request's fields.
 */
const COPIES = 16;

/** Checks one token again and again when the benchmark asks, and tells what CPU time a check took. */
export function serveChecks(prepare: (of: TokenCase, main: string) => Promise<(token: string) => boolean>): void {
  let check: ((token: string) => boolean) | undefined;
  let fields: string[] = [];

  async function obey(command: CheckCommand): Promise<CheckEvent> {
    if (command.type === 'prepare') {
      check = await prepare(command.of, command.main);
      const bytes = Buffer.from(PREFIX + command.of.token);
      fields = Array.from({ length: COPIES }, () => bytes.toString('latin1'));
      return { type: 'prepared' };
    }
    if (check === undefined) throw new Error('"sample" before "prepare"');
    return sample(check, command.ms);
  }

  /** Until `ms` of CPU time are used; other work (a beat of the stream) gets its turns between. */
  async function sample(known: (token: string) => boolean, ms: number): Promise<CheckEvent> {
    const start = process.cpuUsage();
    let checks = 0;
    for (;;) {
      for (let turn = 0; turn < CHECKS_PER_TURN; turn += 1) {
        const field = fields[turn % COPIES] as string;
        if (!known(field.slice(PREFIX.length))) throw new Error('the token was not taken for what it is');
      }
      checks += CHECKS_PER_TURN;
      const { user, system } = process.cpuUsage(start);
      const micros = user + system;
      if (micros >= ms * 1000) return { type: 'sampled', micros: micros / checks, checks };
      await new Promise(setImmediate);
    }
  }

  process.on('message', (command: CheckCommand) => {
    obey(command).then(
      (event) => process.send?.(event),
      (error: unknown) => {
        process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
        process.exit(1);
      },
    );
  });
  process.on('disconnect', () => process.exit(0));
  process.on('SIGINT', () => undefined);
}
