import type { StatementCount } from './database.ts';
import type { Sample } from './measure.ts';
import {
  CONTESTANT_TITLES,
  type ContestantName,
  IDLE_RSS_TARGET_MB,
  OWN_CONTESTANTS,
  type Ratio,
  type Scenario,
  type ScenarioName,
} from './scenarios.ts';
import { median, spread } from './statistics.ts';

/** A share of answers from the cache path that may miss it: entries expire during a run. */
const HEAD_MISMATCH_TOLERANCE = 0.001;

/** The samples of one contestant under one scenario, over all turns. */
export interface Row {
  contestant: ContestantName;
  cpuMicros: number;
  cpuSpread: number;
  cpuMicrosWithRest: number;
  requestsPerSecond: number;
  p50: number;
  p99: number;
  rssMb: number;
  requests: number;
  errors: number;
  headMismatches: number;
  subjectShare: number;
  loadShare: number;
  strangerShare: number | undefined;
}

export interface ScenarioResult {
  scenario: Scenario;
  rows: Row[];
  ratios: MeasuredRatio[];
}

/** The median of the ratios of each turn. */
export interface MeasuredRatio extends Ratio {
  ratio: number;
  spread: number;
}

export interface Verdict {
  what: string;
  measured: string;
  target: string;
  met: boolean;
  /** What would be ahead of the field. */
  ambition?: string;
  ambitionMet?: boolean;
  /** Not demanded: a missed bound fails nothing. */
  informative?: boolean;
}

export function summarise(scenario: Scenario, samples: readonly Sample[]): ScenarioResult {
  const of = (name: ContestantName) =>
    samples.filter((sample) => sample.scenario === scenario.name && sample.contestant === name);
  const present = scenario.contestants.filter((name) => of(name).length > 0);
  return {
    scenario,
    rows: present.map((name) => row(name, of(name))),
    ratios: scenario.ratios
      .filter((ratio) => present.includes(ratio.of) && present.includes(ratio.against))
      .map((ratio) => {
        const values = ratiosByTurn(of(ratio.of), of(ratio.against));
        return { ...ratio, ratio: median(values), spread: spread(values) };
      }),
  };
}

/** Both samples of a ratio come from the same turn, so that a slow moment of the machine hits both. */
function ratiosByTurn(subject: readonly Sample[], against: readonly Sample[]): number[] {
  return subject.flatMap((sample) => {
    const other = against.find(({ round, turn }) => round === sample.round && turn === sample.turn);
    return other === undefined ? [] : [sample.cpuMicros / other.cpuMicros];
  });
}

function row(contestant: ContestantName, samples: readonly Sample[]): Row {
  const middle = (pick: (sample: Sample) => number) => median(samples.map(pick));
  const total = (pick: (sample: Sample) => number) => samples.reduce((sum, sample) => sum + pick(sample), 0);
  return {
    contestant,
    cpuMicros: middle((sample) => sample.cpuMicros),
    cpuSpread: spread(samples.map((sample) => sample.cpuMicros)),
    cpuMicrosWithRest: middle((sample) => sample.cpuMicrosWithRest),
    requestsPerSecond: middle((sample) => sample.requestsPerSecond),
    p50: middle((sample) => sample.p50),
    p99: middle((sample) => sample.p99),
    rssMb: middle((sample) => sample.rssMb),
    requests: total((sample) => sample.requests),
    errors: total((sample) => Object.values(sample.errors).reduce((sum, count) => sum + count, 0)),
    headMismatches: total((sample) => sample.headMismatches),
    subjectShare: middle((sample) => sample.subjectShare),
    loadShare: middle((sample) => sample.loadShare),
    strangerShare: samples.some((sample) => sample.strangerShare === undefined)
      ? undefined
      : middle((sample) => sample.strangerShare ?? 0),
  };
}

/** Holds a figure against its bounds: upper ones, unless it is `atLeast`. `unit` is written behind every number. */
export function verdict(
  what: string,
  measured: number,
  bounds: {
    target: number;
    ambition?: number;
    atLeast?: boolean;
    informative?: boolean;
    digits?: number;
    unit?: string;
  },
): Verdict {
  const { target, ambition, atLeast = false, informative, digits = 2, unit = '' } = bounds;
  const text = (value: number) => `${value.toFixed(digits)}${unit}`;
  const bound = (value: number) => `${atLeast ? '≥' : '≤'} ${text(value)}`;
  const meets = (value: number) => (atLeast ? measured >= value : measured <= value);
  return {
    what,
    measured: text(measured),
    target: bound(target),
    met: meets(target),
    ...(ambition === undefined ? {} : { ambition: bound(ambition), ambitionMet: meets(ambition) }),
    ...(informative === true ? { informative } : {}),
  };
}

/** Holds the results against the targets; without Nexus there is nothing to judge but errors. */
export function judge(results: readonly ScenarioResult[], idleRss: ReadonlyMap<ContestantName, number>): Verdict[] {
  const verdicts: Verdict[] = [];
  for (const { scenario, ratios, rows } of results) {
    for (const { id, of, against, ratio, target, ambition, informative } of ratios) {
      if (target === undefined) continue;
      verdicts.push(
        verdict(
          `${id === undefined ? '' : `${id} `}${scenario.name}: ${CONTESTANT_TITLES[of]} / ${CONTESTANT_TITLES[against]}`,
          ratio,
          {
            target,
            ...(ambition === undefined ? {} : { ambition }),
            ...(informative === undefined ? {} : { informative }),
          },
        ),
      );
    }
    for (const { contestant, headMismatches, requests } of rows) {
      if (headMismatches === 0 || !OWN_CONTESTANTS.has(contestant)) continue;
      verdicts.push({
        what: `${scenario.name}, ${CONTESTANT_TITLES[contestant]}: answers that took another path`,
        measured: `${headMismatches} of ${requests}`,
        target: `≤ ${HEAD_MISMATCH_TOLERANCE * 100} %`,
        met: headMismatches <= requests * HEAD_MISMATCH_TOLERANCE,
      });
    }
  }
  const rss = idleRss.get('nexus');
  if (rss !== undefined) {
    verdicts.push(
      verdict('RSS of the idle Nexus process', rss, { target: IDLE_RSS_TARGET_MB, digits: 0, unit: ' MB' }),
    );
  }
  const errors = results.flatMap(({ rows }) => rows).reduce((sum, { errors: count }) => sum + count, 0);
  verdicts.push({ what: 'errors', measured: String(errors), target: '0', met: errors === 0 });
  return verdicts;
}

/** Every kind of error that occurred, for the explanation of a failed run. */
export function errorKinds(
  samples: readonly Sample[],
): { scenario: ScenarioName; contestant: ContestantName; kind: string; count: number }[] {
  return samples.flatMap(({ scenario, contestant, errors }) =>
    Object.entries(errors).map(([kind, count]) => ({ scenario, contestant, kind, count })),
  );
}

/** The statements of one contestant for one request of a scenario. */
export interface ContestantStatements {
  scenario: ScenarioName;
  contestant: ContestantName;
  statements: readonly StatementCount[];
}

/**
 * Holds those who do the same work to the same statements, each as often.
 * @throws Error that names what one runs and the other does not
 */
export function assertSameStatements([subject, ...others]: readonly ContestantStatements[]): void {
  if (subject === undefined) return;
  for (const other of others) {
    const faults = [...extra(subject, other), ...extra(other, subject)];
    if (faults.length > 0) throw new Error(`${subject.scenario}: not the same statements\n${faults.join('\n')}`);
  }
}

/** What `one` runs more often per request than `other`. Background work may add a little to a count, never a whole one. */
function extra(one: ContestantStatements, other: ContestantStatements): string[] {
  const counts = new Map(other.statements.map(({ id, perRequest }) => [id, Math.round(perRequest)]));
  return one.statements
    .filter(({ id, perRequest }) => Math.round(perRequest) > (counts.get(id) ?? 0))
    .map(({ text, perRequest }) => `${one.contestant} ${Math.round(perRequest)} × ${text}`);
}
