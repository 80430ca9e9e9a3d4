import { EncodedAnswer } from '@nexus/caching';
import type { Page } from '@nexus/kernel';
import { writeAnswer } from './answer.js';
import type { EndpointMetadata } from './endpoint.decorator.js';
import { entityTag, matchesNone } from './entity-tag.js';
import type { Exchange } from './exchange.js';

/**
 * Puts what a handler returns into the envelope, up to the request id: that part is the same for everyone who may
 * see it, so it is what the cache and the idempotency store keep.
 *
 * @returns undefined for an answer without a body
 */
export function encodeAnswer(
  endpoint: EndpointMetadata,
  value: unknown,
  exchange: Exchange,
): EncodedAnswer | undefined {
  if (value instanceof EncodedAnswer) return value;
  if (endpoint.list) return encodeList(value as Page<unknown>);
  if (value === undefined) return undefined;
  const json = JSON.stringify(value);
  const version = (value as { version?: unknown } | null)?.version;
  const etag = entityTag(json, typeof version === 'number' ? version : undefined);
  if (endpoint.location) exchange.headers.push('Location', endpoint.location(value as never));
  return new EncodedAnswer(`{"success":true,"data":${json},"request_id":"`, etag);
}

function encodeList(page: Page<unknown>): EncodedAnswer {
  const data = JSON.stringify(page.items);
  const meta = JSON.stringify({ limit: page.limit, next_cursor: page.nextCursor, total: page.total });
  return new EncodedAnswer(`{"success":true,"data":${data},"page":${meta},"request_id":"`);
}

/** Writes an encoded answer: 304 when the client has it already (RFC 9110 §13.2.2). */
export function sendEncoded(exchange: Exchange, status: number, answer: EncodedAnswer | undefined): void {
  if (answer === undefined) {
    writeAnswer(exchange, status, undefined);
    return;
  }
  const { method, headers } = exchange.request;
  const safe = method === 'GET' || method === 'HEAD';
  const extra: string[] = ['Cache-Control', safe ? 'private, no-cache' : 'no-store'];
  if (answer.etag) extra.push('ETag', answer.etag);
  if (safe && status === 200 && answer.etag && matchesNone(headers['if-none-match'], answer.etag)) {
    writeAnswer(exchange, 304, undefined, extra);
    return;
  }
  writeAnswer(exchange, status, `${answer.head}${exchange.id}"}`, extra);
}
