import {
  type CachedAnswer,
  type CacheFill,
  type CachePolicy,
  cacheKey,
  cacheStatus,
  expandTags,
  type ResponseCache,
  type SharedAnswers,
  SharedFill,
} from '@nexus/caching';
import { type Exchange, matchesNone, writeAnswer } from '@nexus/http';
import type { Step, Verdict } from './chain.js';

/** Where a kept answer came from; `stale`: its life was over. */
type Tier = 'l1' | 'l2' | 'stale';

/** How long another process is waited for that makes the same answer, in ms. */
const LEAD_MS = 2_000;

function serve(exchange: Exchange, answer: CachedAnswer, ttlSeconds: number, tier: Tier): Verdict {
  const isFound = answer.status === 200;
  const control = isFound ? 'private, no-cache' : 'no-store';
  const extra = ['Cache-Control', control, 'Cache-Status', cacheStatus({ hit: tier, ttlSeconds })];
  exchange.cacheStatus = `hit; detail=${tier}`;
  if (!isFound) exchange.errorCode = 'not_found';
  if (answer.etag !== undefined) {
    extra.push('ETag', answer.etag);
    if (matchesNone(exchange.request.headers['if-none-match'], answer.etag)) {
      writeAnswer(exchange, 304, undefined, extra);
      return 'answered';
    }
  }
  // The kept text with this request's id put in: nothing is parsed and nothing serialised.
  writeAnswer(exchange, answer.status, `${answer.head}${exchange.id}${answer.tail ?? '"}'}`, extra, answer.contentType);
  return 'answered';
}

function forward(exchange: Exchange, fwd: 'miss' | 'request' | 'bypass', collapsed?: boolean): Verdict {
  exchange.cacheStatus = `fwd=${fwd}`;
  exchange.headers.push('Cache-Status', cacheStatus(collapsed === undefined ? { fwd } : { fwd, collapsed }));
  return 'continue';
}

/** Whether the client wants the answer made anew (RFC 9111 §5.2.1.4). */
function wantsFresh(exchange: Exchange): boolean {
  const directives = exchange.request.headers['cache-control'];
  return directives !== undefined && /(^|[\s,])no-(cache|store)($|[\s,=])/i.test(directives);
}

/** Without knowing what was invalidated, an answer that all may see is served for so long, in ms, and no other. */
const UNSURE_MS = 1_000;

/** Everything of a service is invalidated by it: a process that ends badly may not have told all. */
export function serviceTag(service: string): string {
  return `@${service}`;
}

/** One request that may be answered from the cache. */
interface Attempt {
  readonly exchange: Exchange;
  readonly policy: CachePolicy;
  readonly key: string;
  readonly tags: readonly string[];
}

function secondsLeft({ exchange }: Attempt, answer: CachedAnswer): number {
  return (answer.expiresAt - exchange.startedAt) / 1000;
}

/** A stale answer that may be given for so long after its life. */
function staleFor(cache: ResponseCache, attempt: Attempt, graceSeconds = 0): CachedAnswer | undefined {
  if (graceSeconds === 0) return undefined;
  const old = cache.stale(attempt.key);
  return old && secondsLeft(attempt, old) > -graceSeconds ? old : undefined;
}

/** From now on a stale answer is given where this request's own one fails. */
function fallBack(cache: ResponseCache, attempt: Attempt, shared: SharedAnswers | undefined): void {
  const { exchange, policy } = attempt;
  if (!policy.staleIfErrorSeconds || !cache.stale(attempt.key)) return;
  exchange.fallback = () => {
    exchange.fallback = undefined;
    const isKnown = shared?.isTrusted ?? true;
    const old =
      exchange.response.headersSent || !isKnown ? undefined : staleFor(cache, attempt, policy.staleIfErrorSeconds);
    if (!old) return false;
    const at = exchange.headers.indexOf('Cache-Status');
    if (at >= 0) exchange.headers.splice(at, 2);
    serve(exchange, old, secondsLeft(attempt, old), 'stale');
    return true;
  };
}

function tagsOf(exchange: Exchange, policy: CachePolicy, isShared: boolean): readonly string[] | undefined {
  const { actor, route, params } = exchange;
  const tags = expandTags(policy, actor.kind === 'user' ? { params, actorId: actor.id } : { params });
  return tags && isShared ? [...tags, serviceTag(route?.service ?? '')] : tags;
}

function open({ exchange, policy, tags }: Attempt, made: CacheFill): void {
  made.releaseWith(exchange.response);
  exchange.fill = { fill: made, policy, tags };
}

/** The first of those who miss an answer here looks for it in Redis, and makes it, for all processes, where it is not there. */
async function fromAll(
  attempt: Attempt,
  own: CacheFill,
  shared: SharedAnswers,
  old: CachedAnswer | undefined,
): Promise<Verdict> {
  const { exchange, key, tags } = attempt;
  // Nobody else waits when this one's client goes away meanwhile.
  own.releaseWith(exchange.response);
  const found = (await shared.find(key, tags)) ?? (await shared.lead(key, tags, old ? 0 : LEAD_MS));
  if ('leads' in found) {
    if (old && !found.leads) {
      // Another process makes it anew.
      own.release();
      return serve(exchange, old, secondsLeft(attempt, old), 'stale');
    }
    open(attempt, new SharedFill(own, shared, found));
    return forward(exchange, 'miss');
  }
  own.store(found, { tags, ttlMs: found.expiresAt - Date.now() });
  return serve(exchange, found, secondsLeft(attempt, found), 'l2');
}

/**
 * Serves what is kept for this caller, and lets the first of those who miss the same answer make it for all.
 * @param shared what all processes keep together
 */
export function answerFromCache(cache: ResponseCache, shared?: SharedAnswers): Step {
  const mayServe = ({ exchange, policy }: Attempt, kept: CachedAnswer) =>
    !shared ||
    shared.isTrusted ||
    (policy.audience === 'public' && Math.abs(exchange.startedAt - kept.storedAt) < UNSURE_MS);
  return (exchange) => {
    const policy = exchange.route?.cache;
    if (!policy || !cache.enabled) return 'continue';
    const { request, actor } = exchange;
    const key = cacheKey({ audience: policy.audience, actor, method: request.method ?? '', url: request.url ?? '' });
    if (key === undefined) return forward(exchange, 'bypass');
    const fresh = wantsFresh(exchange);
    const kept = fresh ? undefined : cache.lookup(key);
    const attempt = { exchange, policy, key, tags: kept?.tags ?? [] };
    if (kept && mayServe(attempt, kept)) return serve(exchange, kept, secondsLeft(attempt, kept), 'l1');
    const tags = tagsOf(exchange, policy, shared !== undefined);
    if (tags === undefined || (shared && !shared.isTrusted && policy.audience !== 'public')) {
      return forward(exchange, 'bypass');
    }
    return miss(cache, shared, { ...attempt, tags }, fresh);
  };
}

function miss(
  cache: ResponseCache,
  shared: SharedAnswers | undefined,
  attempt: Attempt,
  fresh: boolean,
): Verdict | Promise<Verdict> {
  const { exchange, key, tags } = attempt;
  const alone = () => {
    const fill = cache.beginFill(key);
    open(attempt, shared ? new SharedFill(fill, shared, shared.ticket(key)) : fill);
  };
  if (fresh) {
    alone();
    return forward(exchange, 'request');
  }
  const old = staleFor(cache, attempt, attempt.policy.staleWhileRevalidateSeconds);
  const place = cache.flight(key, tags);
  if (place.leader || !old) fallBack(cache, attempt, shared);
  if (place.leader) {
    if (shared) return fromAll(attempt, place.fill, shared, old);
    open(attempt, place.fill);
    return forward(exchange, 'miss');
  }
  if (old) return serve(exchange, old, secondsLeft(attempt, old), 'stale');
  return place.wait().then((answer) => {
    if (answer) return serve(exchange, answer, secondsLeft(attempt, answer), 'l1');
    alone();
    return forward(exchange, 'miss', false);
  });
}
