import type { Exchange } from '@nexus/http';
import { errors } from '@nexus/kernel';
import {
  type AppliedLimit,
  addressKey,
  addressLimit,
  type RateDecision,
  type RateLimiter,
  type ThrottlingConfig,
  tierLimit,
} from '@nexus/throttling';
import type { Step, Verdict } from './chain.js';

/** What the limits refused and let pass, for metrics. */
export interface LimitCounters {
  allowed: number;
  refused: number;
}

function refusal(decision: RateDecision) {
  return errors.rate_limited({ headers: { 'Retry-After': String(decision.resetSeconds) } });
}

function announce(exchange: Exchange, decision: RateDecision): void {
  exchange.headers.push(
    'RateLimit-Limit',
    String(decision.limit),
    'RateLimit-Remaining',
    String(decision.remaining),
    'RateLimit-Reset',
    String(decision.resetSeconds),
  );
}

function ask(
  limiter: RateLimiter,
  limit: AppliedLimit,
  exchange: Exchange,
  then: (exchange: Exchange, decision: RateDecision) => Verdict,
): Verdict | Promise<Verdict> {
  const decision = limiter.consume(limit.key, limit.limit, limit.windowMs);
  if (!(decision instanceof Promise)) return then(exchange, decision);
  const deciding = decision.then((made) => then(exchange, made));
  exchange.deciding = deciding;
  return deciding;
}

/** The coarse limit by address: what comes over it costs no signature check. */
export function coarseLimit(limiter: RateLimiter, config: ThrottlingConfig, counters: LimitCounters): Step {
  const decide = (exchange: Exchange, decision: RateDecision): Verdict => {
    if (decision.allowed) return 'continue';
    counters.refused++;
    announce(exchange, decision);
    throw refusal(decision);
  };
  return (exchange) => {
    if (exchange.route?.priority === 'health') return 'continue';
    return ask(limiter, addressLimit(config, addressKey(exchange.address)), exchange, decide);
  };
}

/** The limit of the caller's tier; every answer after it carries its state. */
export function callerLimit(limiter: RateLimiter, config: ThrottlingConfig, counters: LimitCounters): Step {
  const decide = (exchange: Exchange, decision: RateDecision): Verdict => {
    announce(exchange, decision);
    if (decision.allowed) {
      counters.allowed++;
      return 'continue';
    }
    counters.refused++;
    throw refusal(decision);
  };
  return (exchange) => {
    if (exchange.route?.priority === 'health') return 'continue';
    const limit = tierLimit(config, exchange.actor, addressKey(exchange.address));
    return limit ? ask(limiter, limit, exchange, decide) : 'continue';
  };
}
