import { type Plan, planFor, TYPICAL } from './model.ts';
import { PER_POD, SERVICE_NAMES } from './per-pod.ts';

/** The sizes that the handbook shows. */
export const SIZES = [1_000, 10_000, 50_000, 200_000] as const;

const count = (value: number): string => value.toLocaleString('en-US');
const row = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;

/** One plan, for a terminal. */
export function planLines(plan: Plan): string[] {
  return [
    `requests per second  ${count(plan.requestsPerSecond)}`,
    ...SERVICE_NAMES.map((name) => `${`${name} pods`.padEnd(19)}  ${plan.pods[name]}`),
    `pods in all          ${plan.totalPods} (${plan.cpus} processors, ${plan.memoryGb} GiB)`,
    `PostgreSQL           ${count(plan.connections)} connections, ${plan.databaseGb} GB`,
    `Redis                ${count(plan.redisMb)} MB`,
    `files                ${plan.filesTb} TB`,
  ];
}

/** What one pod does, as the handbook shows it. */
export function podTable(): string {
  return [
    row(['service', 'requests/s of one pod']),
    row(['---', '---:']),
    ...SERVICE_NAMES.map((name) => row([name, count(PER_POD[name])])),
  ].join('\n');
}

/** What so many people need, as the handbook shows it. */
export function sizeTable(): string {
  const plans = SIZES.map((users) => planFor({ users, ...TYPICAL }));
  const line = (title: string, cell: (plan: Plan) => string | number): string => row([title, ...plans.map(cell)]);
  return [
    row(['people active at a time', ...SIZES.map(count)]),
    row(['---', ...SIZES.map(() => '---:')]),
    line('requests per second', (plan) => count(plan.requestsPerSecond)),
    ...SERVICE_NAMES.map((name) => line(`${name} pods`, (plan) => plan.pods[name])),
    line('pods in all', (plan) => plan.totalPods),
    line('processors (0.5 each)', (plan) => plan.cpus),
    line('memory, GiB (0.5 each)', (plan) => plan.memoryGb),
    line('PostgreSQL connections', (plan) => count(plan.connections)),
    line('PostgreSQL, GB', (plan) => plan.databaseGb),
    line('Redis, MB', (plan) => count(plan.redisMb)),
    line('files, TB', (plan) => plan.filesTb),
  ].join('\n');
}
