/** `npm run capacity -- --users=25000`: what the platform needs for so many people. See docs/operations.md. */
import { parseArgs } from 'node:util';
import { type Demand, planFor, TYPICAL } from './model.ts';
import { planLines } from './tables.ts';

const USAGE = `npm run capacity -- --users=N [options]

  --users=N                people who are active at the same time, at the busiest
  --requests-per-minute=N  of one of them; ${TYPICAL.requestsPerMinute} unless given
  --sign-ins-per-hour=N    of one of them; ${TYPICAL.signInsPerHour} unless given
  --megabytes-per-user=N   of files; ${TYPICAL.megabytesPerUser} unless given
`;

function number(text: string | undefined, byDefault: number | undefined): number {
  const value = text === undefined ? byDefault : Number(text);
  if (value === undefined || !(value >= 0 && value <= 1e9)) throw new Error(USAGE);
  return value;
}

function readDemand(args: string[]): Demand {
  const { values } = parseArgs({
    args,
    options: {
      users: { type: 'string' },
      'requests-per-minute': { type: 'string' },
      'sign-ins-per-hour': { type: 'string' },
      'megabytes-per-user': { type: 'string' },
    },
  });
  return {
    users: number(values.users, undefined),
    requestsPerMinute: number(values['requests-per-minute'], TYPICAL.requestsPerMinute),
    signInsPerHour: number(values['sign-ins-per-hour'], TYPICAL.signInsPerHour),
    megabytesPerUser: number(values['megabytes-per-user'], TYPICAL.megabytesPerUser),
  };
}

try {
  console.log(planLines(planFor(readDemand(process.argv.slice(2)))).join('\n'));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
