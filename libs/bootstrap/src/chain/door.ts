import type { RoutePolicy, ServiceName } from '@nexus/contracts';
import { type Exchange, writeError } from '@nexus/http';
import { atEndOfTurn, errors } from '@nexus/kernel';
import { ConcurrencyLimit, PRIORITIES, type ResilienceConfig, SHED_HEADER } from '@nexus/resilience';
import type { EdgeRoute } from '../edge-routes.js';
import type { Step } from './chain.js';

const rank = (priority: (typeof PRIORITIES)[number]) => PRIORITIES.indexOf(priority);
const RANKS: Readonly<Record<RoutePolicy['priority'], number>> = {
  health: rank('health'),
  sign_in: rank('sign_in'),
  user_write: rank('user_write'),
  user_read: rank('user_read'),
  bulk: rank('bulk'),
};
const SIGN_IN = RANKS.sign_in;
const UNKNOWN = rank('unknown');

/** One for all: making an error costs more than all the rest of a refusal. */
const OVERLOADED = errors.overloaded({ headers: { 'retry-after': '1' } });

/** How often the limit is found anew, in ms. */
export const LOOK_MS = 250;

/** Before credentials are checked: who brings some is believed to be somebody, for the order alone. */
function rankOf({ route, request }: Exchange): number {
  // To answer a browser that asks whether it may ask costs no more than to refuse to.
  if (route === undefined) return request.method === 'OPTIONS' ? SIGN_IN : UNKNOWN;
  const own = RANKS[route.priority];
  if (own <= SIGN_IN) return own;
  const { authorization, 'x-api-key': key } = request.headers;
  return authorization === undefined && key === undefined ? UNKNOWN : own;
}

/** Whether a request lasts for as long as it likes. */
function isLasting({ route, request }: Exchange): boolean {
  return route?.limits.timeoutMs === 0 || (request as { readonly upgrade?: unknown }).upgrade === true;
}

/**
 * Where requests come into a process: no more than it can serve in good time, those of higher priority first. What is
 * refused has cost a look at its address, nothing else.
 */
export class Door {
  readonly limit: ConcurrencyLimit;

  /** @param elsewhere services that run elsewhere: how long they take says nothing about this process */
  constructor(
    config: Pick<ResilienceConfig, 'SERVER_MAX_REQUESTS' | 'SERVER_TARGET_DELAY_MS'>,
    private readonly elsewhere: ReadonlySet<ServiceName> = new Set(),
  ) {
    this.limit = new ConcurrencyLimit({
      max: config.SERVER_MAX_REQUESTS,
      targetMs: config.SERVER_TARGET_DELAY_MS,
      everyMs: LOOK_MS,
    });
  }

  /** @param isTold whether the other side is the platform's own, and learns that it was refused for this */
  guard(isTold: boolean): Step {
    const { limit } = this;
    return (exchange) => {
      const own = rankOf(exchange);
      if (isLasting(exchange)) {
        if (limit.admits(own)) return 'continue';
      } else if (limit.enter(own, exchange.startedMark)) {
        exchange.rank = own;
        return 'continue';
      }
      if (isTold) exchange.headers.push(SHED_HEADER, '1');
      // Together with all others of the turn: one by one they would cost a third more.
      atEndOfTurn(() => writeError(exchange, OVERLOADED));
      return 'answered';
    };
  }

  /** A request has its answer, or lost its client. @param ms since it came */
  leave(exchange: Exchange, ms: number): void {
    const { rank: own, route, response } = exchange;
    if (own < 0) return;
    exchange.rank = -1;
    this.limit.leave(own);
    if (route === undefined || !response.headersSent || this.isElsewhere(route)) return;
    const { statusCode } = response;
    // A refusal takes no time.
    if (statusCode < 400 || statusCode >= 500) this.limit.took(route.operation, exchange.startedMark, ms);
  }

  private isElsewhere(route: EdgeRoute): boolean {
    return route.handle !== undefined || this.elsewhere.has(route.service);
  }
}
