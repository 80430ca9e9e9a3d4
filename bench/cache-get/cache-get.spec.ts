import { judgeReads, type ReadSamples, readRatios, readSection } from './cache-get.ts';

/** All slow down together: the ratios of a round stay. */
const samples = (own: number): ReadSamples =>
  new Map(
    (
      [
        ['own-cache', own],
        ['lru-cache', 0.05],
        ['bentocache', 4],
        ['bentocache-plain', 2],
      ] as const
    ).map(([name, cpu]) => [name, [1, 2, 3].map((slow) => ({ cpu: cpu * slow, p99: 0.5 * slow }))]),
  );

describe('reads from caches', () => {
  it('compare within rounds', () => {
    expect(readRatios(samples(0.2), 'own-cache', 'lru-cache').map((ratio) => ratio.toFixed(3))).toEqual(
      Array(3).fill('4.000'),
    );
  });

  it('are judged against the plain map, against bentocache, and by the clock', () => {
    expect(judgeReads(samples(0.2)).map(({ measured, met }) => [measured, met])).toEqual([
      ['4.00', true],
      ['20', true],
      ['10', true],
      ['1.0 µs', true],
    ]);
    expect(judgeReads(samples(0.6)).map(({ met }) => met)).toEqual([false, false, false, true]);
  });

  it('do not fail a run where bentocache need not serialise', () => {
    const [, , plain] = judgeReads(samples(0.25));
    expect(plain).toMatchObject({ met: false, informative: true });
  });

  it('are shown', () => {
    expect(readSection(samples(0.2))).toContain('Nexus, first tier / lru-cache, get: **4.00** (spread 0 %)');
  });
});
