import { parseCoreList } from './machine.ts';
import type { Sample } from './measure.ts';
import { readOptions, UsageError } from './options.ts';
import { markdownReport, verdictTable } from './report.ts';
import { assertSameStatements, judge, summarise, verdict } from './results.ts';
import { type ContestantName, PRODUCT_SCENARIOS, type Scenario } from './scenarios.ts';
import { median, rotate, spread } from './statistics.ts';

const scenario = PRODUCT_SCENARIOS.find(({ name }) => name === 'get-by-key') as Scenario;

function sample(contestant: ContestantName, round: number, cpuMicros: number, extra: Partial<Sample> = {}): Sample {
  return {
    scenario: 'get-by-key',
    contestant,
    round,
    turn: 0,
    requests: 1000,
    cpuMicros,
    cpuMicrosWithRest: cpuMicros,
    requestsPerSecond: 5000,
    p50: 1000,
    p99: 2000,
    errors: {},
    headMismatches: 0,
    restless: false,
    rssMb: 150,
    subjectShare: 0.9,
    loadShare: 0.3,
    strangerShare: 0,
    ...extra,
  };
}

/** Nexus costs 1.5 times the reference in every round, while the machine slows down to a third. */
function steadyRatio(extra: Partial<Sample> = {}): Sample[] {
  return [1, 2, 3].flatMap((slow, round) => [
    sample('nexus', round, 150 * slow, extra),
    sample('raw-fastify-pg', round, 100 * slow),
  ]);
}

function verdicts(samples: Sample[], idle = 200) {
  return judge([summarise(scenario, samples)], new Map([['nexus', idle]]));
}

describe('results', () => {
  it('compares within turns, so that a slow moment of the machine does not change a ratio', () => {
    const slowed = [1, 3, 2].flatMap((slow, turn) => [
      sample('nexus', 0, 150 * slow, { turn }),
      sample('raw-fastify-pg', 0, 100 * slow, { turn }),
    ]);
    expect(summarise(scenario, slowed).ratios).toMatchObject([{ ratio: 1.5, spread: 0 }]);
    const [ratio] = summarise(scenario, steadyRatio()).ratios;
    expect(ratio).toMatchObject({ of: 'nexus', against: 'raw-fastify-pg', ratio: 1.5, spread: 0 });
  });

  it('meets every target', () => {
    expect(verdicts(steadyRatio()).map(({ met }) => met)).toEqual([true, true, true]);
  });

  it.each([
    ['the ratio is too high', [sample('nexus', 0, 161), sample('raw-fastify-pg', 0, 100)], 200],
    ['a request failed', steadyRatio({ errors: { 'status 500': 1 } }), 200],
    ['answers took another path', steadyRatio({ headMismatches: 2 }), 200],
    ['the idle process is too big', steadyRatio(), 221],
  ])('misses exactly one target when %s', (_name, samples, idle) => {
    expect(verdicts(samples, idle).filter(({ met }) => !met)).toHaveLength(1);
  });

  it('tells apart what is demanded, what is aimed at and what is only held up', () => {
    const bounds = { target: 1.5, ambition: 1.2 };
    expect(verdict('a', 1.3, bounds)).toMatchObject({ met: true, ambitionMet: false, measured: '1.30' });
    expect(verdict('b', 1.2, bounds)).toMatchObject({ met: true, ambitionMet: true });
    expect(verdictTable([verdict('c', 1.6, { ...bounds, informative: true })])).toMatch(/\(≤ 1\.50\) \| +no \|/);
    expect(verdictTable([verdict('d', 1.6, bounds)])).toMatch(/ ≤ 1\.50 \| \*\*no\*\* \|/);
    const least = { target: 1.2, ambition: 1.5, atLeast: true };
    expect(verdict('e', 1.3, least)).toMatchObject({ met: true, ambitionMet: false, target: '≥ 1.20' });
    expect(verdict('f', 1.1, least)).toMatchObject({ met: false, ambitionMet: false, ambition: '≥ 1.50' });
  });

  it('leaves out ratios to those who did not take part', () => {
    const alone = summarise(scenario, [sample('nexus', 0, 100)]);
    expect([alone.rows.length, alone.ratios.length]).toEqual([1, 0]);
  });

  it('reports without names or paths of the machine', () => {
    const results = [summarise(scenario, steadyRatio())];
    const report = markdownReport({
      command: 'npm run bench',
      date: new Date('2026-01-02T03:04:05Z'),
      facts: ['2 cores'],
      pinned: true,
      rounds: 3,
      turns: 5,
      seconds: 5,
      results,
      verdicts: verdicts(steadyRatio()),
      idleRss: new Map([['nexus', 200]]),
      finalRss: new Map([['nexus', 210]]),
      statements: [
        { scenario: 'get-by-key', contestant: 'nexus', statements: [{ id: '1', text: 'SELECT `1`', perRequest: 1 }] },
      ],
      trials: ['### A trial of its own'],
      cacheTrials: ['### A trial of caches'],
      runMinutes: 9.5,
    });
    expect(report).toContain('`npm run bench` on 2026-01-02; 2 cores.');
    expect(report).toContain('- Nexus: 200 MB → 210 MB');
    expect(report).toContain('**1.50** (spread 0 %)');
    expect(report).toContain("- 1 × `SELECT '1'`");
    expect(report).toMatch(/^## Gateway\n\n### A trial of its own\n\n## Cache\n\n### A trial of caches$/m);
    expect(report).not.toMatch(/\/(home|root|tmp|work)\//);
  });
});

describe('options', () => {
  const defaults = { out: 'results.md', main: 'dist/apps/main.js' };

  it('writes the report for complete runs only', () => {
    const out = (...args: string[]) => readOptions(args, defaults).out;
    expect(out()).toBe('results.md');
    expect(out('--rounds=7', '--check')).toBe('results.md');
    expect([out('--quick'), out('--rounds=4'), out('--only=list'), out('--references-only')]).toEqual(
      Array(4).fill(undefined),
    );
    expect(out('--quick', '--out=x.md')).toBe('x.md');
    const { command } = readOptions(['--quick', '--out=/somewhere/x.md'], defaults);
    expect(command).toBe('npm run bench -- --quick');
  });

  it('takes every scenario, and profiles one of those under load', () => {
    expect(readOptions([], defaults).only).toContain('slow-upload');
    expect(readOptions(['--references-only'], defaults).only).not.toContain('proxied-get');
    expect(readOptions(['--only=token-check, proxied-get'], defaults).only).toEqual(['token-check', 'proxied-get']);
    const { only, profile, out } = readOptions(['--profile=split-get', '--rounds=9'], defaults);
    expect({ only, profile, out }).toEqual({ only: ['split-get'], profile: 'split-get', out: undefined });
  });

  it.each([
    '--profile=token-check',
    '--only=lists',
    '--rounds=0',
    '--rounds=1.5',
    '--turns=2.5',
    '--seconds=x',
    '--bogus',
    'stray',
  ])('refuses %s', (arg) => {
    expect(() => readOptions([arg], defaults)).toThrow(UsageError);
  });
});

describe('statistics', () => {
  it('takes medians, spreads and rotations', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(() => median([])).toThrow(RangeError);
    expect(spread([90, 100, 110])).toBeCloseTo(0.1);
    expect(spread([1, 90, 100, 110, 900])).toBeCloseTo(0.2);
    expect([0, 1, 2, 3].map((by) => rotate(['a', 'b', 'c'], by).join(''))).toEqual(['abc', 'bca', 'cab', 'abc']);
  });

  it('reads lists of cores', () => {
    expect(parseCoreList('0-2,5')).toEqual([0, 1, 2, 5]);
    expect(parseCoreList('')).toEqual([]);
  });

  it('ends when the two sides do not run the same statements', () => {
    const run = (contestant: ContestantName, counts: Record<string, number>) => ({
      scenario: scenario.name,
      contestant,
      statements: Object.entries(counts).map(([id, perRequest]) => ({ id, text: `SELECT ${id}`, perRequest })),
    });
    const nexus = run('nexus', { 7: 1, 8: 2 });
    expect(() => assertSameStatements([nexus, run('raw-fastify-pg', { 7: 1.15, 8: 2 })])).not.toThrow();
    expect(() => assertSameStatements([nexus, run('raw-fastify-pg', { 7: 1, 8: 1 })])).toThrow('nexus 2 × SELECT 8');
    expect(() => assertSameStatements([nexus, run('raw-fastify-pg', { 7: 1, 8: 2, 9: 1 })])).toThrow('SELECT 9');
  });
});
