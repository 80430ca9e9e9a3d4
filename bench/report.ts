import type { StatementCount } from './database.ts';
import type { Sample } from './measure.ts';
import type { Row, ScenarioResult, Verdict } from './results.ts';
import { CONTESTANT_TITLES, type ContestantName, GATEWAY_SCENARIO_NAMES, type ScenarioName } from './scenarios.ts';

const STATEMENT_CHARS = 110;

export interface Report {
  command: string;
  date: Date;
  facts: string[];
  pinned: boolean;
  rounds: number;
  turns: number;
  seconds: number;
  results: ScenarioResult[];
  verdicts: Verdict[];
  idleRss: ReadonlyMap<ContestantName, number>;
  /** Resident sets at the end of the run, after the last load has settled. */
  finalRss: ReadonlyMap<ContestantName, number>;
  /** Statements per request, by scenario and contestant. */
  statements: { scenario: ScenarioName; contestant: ContestantName; statements: StatementCount[] }[];
  /** Sections of what is measured otherwise, as Markdown: of the gateway, and of the cache. */
  trials: string[];
  cacheTrials: string[];
  runMinutes: number;
}

const COLUMNS: [title: string, cell: (row: Row) => string][] = [
  ['contestant', (row) => CONTESTANT_TITLES[row.contestant]],
  ['CPU µs/request', (row) => row.cpuMicros.toFixed(1)],
  ['spread', (row) => percent(row.cpuSpread)],
  ['with later work', (row) => row.cpuMicrosWithRest.toFixed(1)],
  ['requests/s', (row) => row.requestsPerSecond.toFixed(0)],
  ['p50 ms', (row) => (row.p50 / 1000).toFixed(2)],
  ['p99 ms', (row) => (row.p99 / 1000).toFixed(2)],
  ['RSS MB', (row) => row.rssMb.toFixed(0)],
  ['requests', (row) => String(row.requests)],
  ['errors', (row) => String(row.errors)],
  ['busy: own', (row) => percent(row.subjectShare)],
  ['load', (row) => percent(row.loadShare)],
  ['others', (row) => (row.strangerShare === undefined ? '–' : percent(row.strangerShare))],
];

/** One sample, for those who watch. */
export function sampleLine(sample: Sample): string {
  const errors = Object.entries(sample.errors).map(([kind, count]) => `, ${count} × ${kind}`);
  if (sample.restless) errors.push(', still busy 20 s later');
  return (
    `${sample.scenario.padEnd(11)}  ${sample.contestant.padEnd(15)}` +
    `${sample.cpuMicros.toFixed(1).padStart(9)} µs/request${sample.requestsPerSecond.toFixed(0).padStart(8)} requests/s${errors.join('')}`
  );
}

/** The tables of one scenario, for the terminal and the file alike. */
export function scenarioSection({ scenario, rows, ratios }: ScenarioResult): string {
  const table = markdownTable(
    COLUMNS.map(([title]) => title),
    rows.map((row) => COLUMNS.map(([, cell]) => cell(row))),
  );
  const lines = ratios.map(
    ({ id, of, against, ratio, spread }) =>
      `- ${id === undefined ? '' : `${id}: `}${CONTESTANT_TITLES[of]} / ${CONTESTANT_TITLES[against]}: **${ratio.toFixed(2)}** (spread ${percent(spread)})`,
  );
  return [
    `### ${scenario.title}`,
    `\`${scenario.name}\`, ${scenario.connections} connections`,
    table,
    lines.join('\n'),
  ].join('\n\n');
}

export function verdictTable(verdicts: readonly Verdict[]): string {
  return markdownTable(
    ['target', 'measured', 'bound', 'met', 'ahead of the field'],
    verdicts.map(({ what, measured, target, met, informative, ambition, ambitionMet }) => [
      what,
      measured,
      informative === true ? `(${target})` : target,
      met ? 'yes' : informative === true ? 'no' : '**no**',
      ambition === undefined ? '' : `${ambition}: ${ambitionMet === true ? 'yes' : 'no'}`,
    ]),
  );
}

export function markdownReport(report: Report): string {
  const isGateway = ({ scenario }: ScenarioResult) => GATEWAY_SCENARIO_NAMES.some((name) => name === scenario.name);
  const gateway = [...report.results.filter(isGateway).map(scenarioSection), ...report.trials];
  const pinning = report.pinned
    ? 'The process under test ran alone on one core, the load generator and PostgreSQL on another.'
    : 'The processes were not pinned to cores (no `taskset`, or a single core): expect more noise.';
  return `${[
    '# Benchmark results',
    `\`${report.command}\` on ${report.date.toISOString().slice(0, 10)}; ${report.facts.join(', ')}. ${pinning}`,
    `${report.rounds} rounds, in each of which the contestants of a scenario take ${report.turns} turns of ` +
      `${(report.seconds / report.turns).toFixed(1)} s (longer where one held too little CPU time), ${report.runMinutes.toFixed(1)} ` +
      'minutes in all. Figures are medians over all turns; a ratio is the median of the ratios of each turn; spread is the ' +
      'interquartile range over the median. CPU is user + system time of the process under test ' +
      'with all its threads; where several processes answer together, of all of them. Only ratios compare between machines. How it is measured: [README](README.md).',
    '## Targets',
    verdictTable(report.verdicts),
    'RSS when idle, after the start → after the run:',
    [...report.idleRss].map((entry) => rssLine(entry, report.finalRss)).join('\n'),
    '## Scenarios',
    ...report.results.filter((result) => !isGateway(result)).map(scenarioSection),
    ...(gateway.length === 0 ? [] : ['## Gateway', ...gateway]),
    ...(report.cacheTrials.length === 0 ? [] : ['## Cache', ...report.cacheTrials]),
    '## Statements per request',
    'As PostgreSQL counted them. Statements that run less than once per request are background work and left out.',
    ...report.statements.map(statementSection),
  ].join('\n\n')}\n`;
}

function rssLine([name, mb]: [ContestantName, number], finalRss: Report['finalRss']): string {
  return `- ${CONTESTANT_TITLES[name]}: ${mb.toFixed(0)} MB → ${finalRss.get(name)?.toFixed(0) ?? '–'} MB`;
}

function statementSection({ scenario, contestant, statements }: Report['statements'][number]): string {
  const lines = statements.map(({ text, perRequest }) => {
    const short = text.length > STATEMENT_CHARS ? `${text.slice(0, STATEMENT_CHARS)}…` : text;
    return `- ${perRequest} × \`${short.replaceAll('`', "'")}\``;
  });
  return [`**${scenario}**, ${CONTESTANT_TITLES[contestant]}`, lines.length === 0 ? '- none' : lines.join('\n')].join(
    '\n\n',
  );
}

/** A Markdown table whose columns are aligned, so that it reads well in a terminal too; all but the first are numbers. */
export function markdownTable(head: string[], body: string[][]): string {
  const widths = head.map((title, column) =>
    Math.max(3, ...[title, ...body.map((cells) => cells[column] ?? '')].map((text) => text.length)),
  );
  const line = (cells: string[]) =>
    `| ${cells.map((text, column) => (column === 0 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0))).join(' | ')} |`;
  const rule = `| ${widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  return [line(head), rule, ...body.map(line)].join('\n');
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}
