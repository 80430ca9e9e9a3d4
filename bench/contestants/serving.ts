import { readFileSync } from 'node:fs';
import type { Answers } from '../scenarios.ts';

/** What every reference server is told through its environment. */
export interface ContestantEnvironment {
  host: string;
  port: number;
  /** Answers of Nexus, which the references reproduce. */
  answers: Answers;
}

/** @throws when the benchmark did not set a variable */
export function contestantEnvironment(): ContestantEnvironment {
  return {
    host: required('BENCH_HOST'),
    port: Number(required('BENCH_PORT')),
    answers: JSON.parse(readFileSync(required('BENCH_ANSWERS'), 'utf8')) as Answers,
  };
}

export function required(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set; the benchmark starts this server`);
  return value;
}

/** Ends the process cleanly when the benchmark asks. */
export function stopOnSigterm(close: () => Promise<unknown>): void {
  process.once('SIGTERM', () => {
    close().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  });
  // Ctrl-C reaches the whole process group; the benchmark decides when a server ends.
  process.on('SIGINT', () => undefined);
}
