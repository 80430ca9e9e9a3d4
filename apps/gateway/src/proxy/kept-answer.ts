import type { IncomingHttpHeaders } from 'node:http';
import { EncodedAnswer, type FillSlot, keepAnswer, keepNotFound } from '@nexus/caching';
import type { Exchange } from '@nexus/http';

const JSON_TYPE = /^application\/json\s*(;|$)/i;

/** What a service answered. */
export interface ForwardedAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
}

/**
 * Keeps an answer that a service gave, where the route's answers are kept: the same text as the service itself would
 * keep, up to the id of the request, which each answer has its own of.
 */
export function keepForwarded(slot: FillSlot, exchange: Exchange, { status, headers, bytes }: ForwardedAnswer): void {
  if (exchange.request.method !== 'GET' || !JSON_TYPE.test(headers['content-type'] ?? '')) return;
  // RFC 9111 §3: what is set for one client is nobody else's.
  if (headers['set-cookie'] !== undefined) return;
  const text = bytes.toString();
  if (status === 404) keepNotFound(slot, text, exchange.id);
  const end = `${exchange.id}"}`;
  if (status !== 200 || /no-store/i.test(headers['cache-control'] ?? '')) return;
  if (text.endsWith(`"request_id":"${end}`))
    keepAnswer(slot, new EncodedAnswer(text.slice(0, -end.length), headers.etag));
}
