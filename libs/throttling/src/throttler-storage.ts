import type { ThrottlerStorage } from '@nestjs/throttler';
import type { RateLimiter } from './rate-limiter.js';

/** The record that the throttler's guard reads; its package does not export the type by itself. */
type ThrottlerRecord = Awaited<ReturnType<ThrottlerStorage['increment']>>;

/**
 * Throttler storage on the platform's {@link RateLimiter}. The block duration is left out on purpose: a refusal
 * lasts to the window's end and no refused request moves it.
 */
export class NexusThrottlerStorage implements ThrottlerStorage {
  constructor(private readonly limiter: RateLimiter) {}

  async increment(key: string, ttl: number, limit: number): Promise<ThrottlerRecord> {
    const { allowed, remaining, resetSeconds } = await this.limiter.consume(key, limit, ttl);
    return {
      totalHits: allowed ? limit - remaining : limit + 1,
      timeToExpire: resetSeconds,
      isBlocked: !allowed,
      timeToBlockExpire: allowed ? 0 : resetSeconds,
    };
  }
}
