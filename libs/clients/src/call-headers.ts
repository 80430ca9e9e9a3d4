import type { CallContext } from '@nexus/kernel';
import { formatTraceparent } from '@nexus/observability';
import { ANONYMOUS_ACTOR, wireHeaders } from './wire.js';

/** Longer ones are cut; the header as a whole must stay below what a listener takes. */
const MAX_USER_AGENT = 1024;
/** What a field value may hold (RFC 9110 §5.5). */
const NO_FIELD_TEXT = /[^\t\x20-\x7e\x80-\xff]/g;

/**
 * The headers of a call, names and values in turn: who acts, for which request and trace, and how long it may take.
 * The span of this hop is the parent of the provider's.
 *
 * @param remainingMs until the deadline, whole ms
 * @throws Error for a user without a credential: no other process would believe in that user
 */
export function callHeaders(ctx: CallContext, remainingMs: number): string[] {
  const { actor, trace } = ctx;
  const headers = [
    'x-request-id',
    ctx.requestId,
    'traceparent',
    formatTraceparent(trace),
    wireHeaders.deadline,
    String(remainingMs),
  ];
  if (trace.tracestate !== undefined) headers.push('tracestate', trace.tracestate);
  if (actor.kind === 'user') {
    if (ctx.credential === undefined) throw new Error('A user acts in another process only with an access token');
    headers.push('authorization', `Bearer ${ctx.credential}`);
  } else if (actor.kind === 'anonymous') headers.push(wireHeaders.actor, ANONYMOUS_ACTOR);
  if (ctx.address !== undefined) headers.push(wireHeaders.clientAddress, ctx.address);
  if (ctx.userAgent !== undefined)
    headers.push(wireHeaders.userAgent, ctx.userAgent.slice(0, MAX_USER_AGENT).replace(NO_FIELD_TEXT, '?'));
  return headers;
}
