import { cpuMicrosOf, obeyTrial } from '../trial/obedience.ts';
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

  obeyTrial<CheckCommand, CheckEvent>(async (command) => {
    if (command.type === 'prepare') {
      check = await prepare(command.of, command.main);
      const bytes = Buffer.from(PREFIX + command.of.token);
      fields = Array.from({ length: COPIES }, () => bytes.toString('latin1'));
      return { type: 'prepared' };
    }
    if (check === undefined) throw new Error('"sample" before "prepare"');
    const known = check;
    const micros = await cpuMicrosOf(() => checkAll(known), CHECKS_PER_TURN, command.ms);
    return { type: 'sampled', micros };
  });

  function checkAll(known: (token: string) => boolean): void {
    for (let turn = 0; turn < CHECKS_PER_TURN; turn += 1) {
      const field = fields[turn % COPIES] as string;
      if (!known(field.slice(PREFIX.length))) throw new Error('the token was not taken for what it is');
    }
  }
}
