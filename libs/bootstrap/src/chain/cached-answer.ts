import { type CachedAnswer, cacheKey, cacheStatus, expandTags, type ResponseCache } from '@nexus/caching';
import { type Exchange, matchesNone, writeAnswer } from '@nexus/http';
import type { Step, Verdict } from './chain.js';

function serve(exchange: Exchange, answer: CachedAnswer, ttlSeconds: number): Verdict {
  const extra = ['Cache-Control', 'private, no-cache', 'Cache-Status', cacheStatus({ hit: 'l1', ttlSeconds })];
  exchange.cacheStatus = 'hit; detail=l1';
  if (answer.etag !== undefined) {
    extra.push('ETag', answer.etag);
    if (matchesNone(exchange.request.headers['if-none-match'], answer.etag)) {
      writeAnswer(exchange, 304, undefined, extra);
      return 'answered';
    }
  }
  // The kept text with this request's id put in: nothing is parsed and nothing serialised.
  writeAnswer(exchange, 200, `${answer.head}${exchange.id}"}`, extra, answer.contentType);
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

/** Serves what is kept for this caller, and lets the first of those who miss the same answer make it for all. */
export function answerFromCache(cache: ResponseCache): Step {
  return (exchange) => {
    const policy = exchange.route?.cache;
    if (!policy || !cache.enabled) return 'continue';
    const { request, response, actor } = exchange;
    const key = cacheKey({ audience: policy.audience, actor, method: request.method ?? '', url: request.url ?? '' });
    if (key === undefined) return forward(exchange, 'bypass');
    const ttl = (answer: CachedAnswer) => Math.max(0, (answer.expiresAt - exchange.startedAt) / 1000);
    const fresh = wantsFresh(exchange);
    const kept = fresh ? undefined : cache.lookup(key);
    if (kept) return serve(exchange, kept, ttl(kept));
    const actorId = actor.kind === 'user' ? actor.id : undefined;
    const values = actorId === undefined ? { params: exchange.params } : { params: exchange.params, actorId };
    const tags = expandTags(policy, values);
    if (tags === undefined) return forward(exchange, 'bypass');
    const fill = (made: ReturnType<ResponseCache['beginFill']>) => {
      made.releaseWith(response);
      exchange.fill = { fill: made, policy, tags };
    };
    if (fresh) {
      fill(cache.beginFill(key));
      return forward(exchange, 'request');
    }
    const place = cache.flight(key, tags);
    if (place.leader) {
      fill(place.fill);
      return forward(exchange, 'miss');
    }
    return place.wait().then((answer) => {
      if (answer) return serve(exchange, answer, ttl(answer));
      fill(cache.beginFill(key));
      return forward(exchange, 'miss', false);
    });
  };
}
