import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decideRefresh, type RefreshState } from './refresh-rule.service.js';

const GRACE = 10_000;
const state = (changes: Partial<RefreshState> = {}): RefreshState => ({
  generation: 5,
  rotatedAt: 100_000,
  expiresAt: 1_000_000,
  ended: false,
  ...changes,
});

describe('decideRefresh', () => {
  it('rotates on the present token, however old', () => {
    expect(decideRefresh(state(), 5, 100_000, GRACE)).toBe('rotate');
    expect(decideRefresh(state(), 5, 999_999, GRACE)).toBe('rotate');
    expect(decideRefresh(state({ generation: 1, rotatedAt: undefined }), 1, 0, GRACE)).toBe('rotate');
  });

  it('repeats the successor of the one before, for the grace time', () => {
    expect(decideRefresh(state(), 4, 100_000, GRACE)).toBe('repeat');
    expect(decideRefresh(state(), 4, 109_999, GRACE)).toBe('repeat');
    expect(decideRefresh(state(), 4, 110_000, GRACE)).toBe('reuse');
    expect(decideRefresh(state(), 4, 100_000, 0)).toBe('reuse');
  });

  it('takes anything older for stolen', () => {
    expect(decideRefresh(state(), 3, 100_001, GRACE)).toBe('reuse');
    expect(decideRefresh(state(), 1, 100_001, GRACE)).toBe('reuse');
  });

  it('refuses what is over, and what was never issued', () => {
    for (const presented of [4, 5, 1]) {
      expect(decideRefresh(state({ ended: true }), presented, 100_001, GRACE)).toBe('refuse');
      expect(decideRefresh(state(), presented, 1_000_000, GRACE)).toBe('refuse');
    }
    expect(decideRefresh(state(), 6, 100_001, GRACE)).toBe('refuse');
  });

  it('accepts no token twice outside the grace time', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 50 }), fc.nat(50), fc.nat(900_000), (generation, presented, now) => {
        const decision = decideRefresh(state({ generation }), presented, now, GRACE);
        if (presented < generation - 1) expect(decision).toBe('reuse');
        if (presented === generation - 1) expect(decision).toBe(now < 110_000 ? 'repeat' : 'reuse');
      }),
    );
  });
});
