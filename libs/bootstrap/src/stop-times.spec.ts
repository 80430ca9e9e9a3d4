import { describe, expect, test } from '@jest/globals';
import { loadConfig, platformConfig } from '@nexus/config';
import type { Composition } from './compose.js';
import { stopTimes } from './stop-times.js';

const ALONE = { role: 'edge', proxied: [] };
const EDGE = { role: 'edge', proxied: ['file'] };
const INTERNAL = { role: 'internal', proxied: [] };

function times(composition: object, env: Record<string, string> = {}): number[] {
  const { drainMs, idleMs, timeoutMs } = stopTimes(loadConfig([platformConfig], env), composition as Composition);
  return [drainMs, idleMs, timeoutMs];
}

describe('how a stop is timed', () => {
  test.each([
    ['a process that holds everything stops at once', ALONE, [0, 0, 8_000]],
    ['a gateway waits for balancers, and for clients', EDGE, [2_000, 6_000, 8_000]],
    ['a service waits for those who keep connections to it', INTERNAL, [0, 6_000, 8_000]],
  ])('%s', (_, composition, expected) => {
    expect(times(composition)).toEqual(expected);
  });

  test.each([ALONE, EDGE, INTERNAL])('what is configured holds for %j', (composition) => {
    const env = { SHUTDOWN_DRAIN_MS: '7', SHUTDOWN_IDLE_MS: '8', SHUTDOWN_TIMEOUT_MS: '900' };
    expect(times(composition, env)).toEqual([7, 8, 900]);
    expect(times(composition, { ...env, SHUTDOWN_DRAIN_MS: '0', SHUTDOWN_IDLE_MS: '0' })).toEqual([0, 0, 900]);
  });

  test('idle connections get no longer than requests do', () => {
    expect(times(INTERNAL, { SHUTDOWN_TIMEOUT_MS: '500' })).toEqual([0, 500, 500]);
  });
});
