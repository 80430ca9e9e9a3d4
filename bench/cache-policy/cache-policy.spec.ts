import fc from 'fast-check';
import { judgePolicies, type PolicyResults, policySection } from './cache-policy.ts';
import { optimalHits } from './optimum.ts';
import { POLICY_NAMES, type PolicyName } from './protocol.ts';
import { Random } from './random.ts';
import { TRACE_NAMES, traceOf } from './trace.ts';

/** The most hits that any choice can reach: all of them are tried. */
function triedHits(trace: readonly number[], capacity: number, held: readonly number[] = []): number {
  const [key, ...rest] = trace;
  if (key === undefined) return 0;
  const hit = held.includes(key) ? 1 : 0;
  const present = hit === 1 ? held : [...held, key];
  const choices = present.length <= capacity ? [present] : present.map((gone) => present.filter((one) => one !== gone));
  return hit + Math.max(...choices.map((choice) => triedHits(rest, capacity, choice)));
}

describe('the generator', () => {
  it('gives the numbers of the published algorithm', () => {
    const random = new Random([1, 2, 3, 4]);
    expect(Array.from({ length: 8 }, () => random.next())).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849,
    ]);
  });

  it('shuffles without losing anything', () => {
    const list = Uint32Array.from({ length: 500 }, (_, index) => index);
    Random.of(3).shuffle(list);
    expect(list.join()).not.toBe(list.toSorted().join());
    expect([...list.toSorted()]).toEqual(Array.from({ length: 500 }, (_, index) => index));
  });
});

describe('the traces', () => {
  it.each(TRACE_NAMES)('%s is the same each time', (name) => {
    expect(traceOf(name, 5_000)).toEqual(traceOf(name, 5_000));
  });

  it('follow their laws', () => {
    const trace = traceOf('scans', 200_000);
    const counts = new Map<number, number>();
    for (const key of trace) counts.set(key, (counts.get(key) ?? 0) + 1);
    const scans = [...counts].filter(([key]) => key >= 10_000);
    expect(scans.every(([, count]) => count === 1)).toBe(true);
    expect(scans.length / trace.length).toBeCloseTo(0.1, 2);
    // The first of 10,000 has 1 / (1 + 1/2 + … + 1/10,000) of what is no scan; the tenth a tenth of that.
    const first = (counts.get(0) ?? 0) / trace.length / 0.9;
    expect(first).toBeCloseTo(1 / 9.7876, 2);
    expect((counts.get(0) ?? 0) / (counts.get(9) ?? 1)).toBeGreaterThan(9);
    expect((counts.get(0) ?? 0) / (counts.get(9) ?? 1)).toBeLessThan(11);
  });

  it('move where they are said to move', () => {
    const trace = traceOf('moving', 200_000);
    const favourite = (part: Uint32Array) => {
      const counts = new Map<number, number>();
      for (const key of part) counts.set(key, (counts.get(key) ?? 0) + 1);
      return [...counts].reduce((most, one) => (one[1] > most[1] ? one : most))[0];
    };
    expect(favourite(trace.subarray(0, 100_000))).toBe(0);
    expect(favourite(trace.subarray(100_000))).not.toBe(0);
  });
});

describe('the optimum', () => {
  it('is the most that any choice can reach', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(4), { maxLength: 10 }), fc.integer({ min: 1, max: 3 }), (trace, capacity) => {
        expect(optimalHits(Uint32Array.from(trace), capacity)).toBe(triedHits(trace, capacity));
      }),
      { numRuns: 300 },
    );
  });
});

describe('the comparison of policies', () => {
  const hits = (scans: number) => new Map<PolicyName, number>(POLICY_NAMES.map((name) => [name, scans]));
  const results = (scans: number): PolicyResults => ({
    traces: TRACE_NAMES.map((trace) => ({ trace, requests: 1000, optimum: 800, hits: hits(scans) })),
    times: new Map(POLICY_NAMES.map((name) => [name, [{ hit: 0.1, keep: 0.3, request: 0.2 }]])),
  });

  it('is judged by the share of the optimum', () => {
    expect(judgePolicies(results(720))).toMatchObject({ measured: '0.900', target: '≥ 0.900', met: true });
    expect(judgePolicies(results(719))).toMatchObject({ met: false });
  });

  it('shows hits, shares and times', () => {
    const section = policySection(results(720));
    expect(section).toContain('72.0 % = 0.900');
    expect(section).toMatch(/\| optimum \(Belady's MIN\) +\| +80.0 %/);
    expect(section).toMatch(/\| SIEVE +\| +100 \| +300 \| +200 \|/);
  });
});
