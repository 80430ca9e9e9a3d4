import type { Answer } from './connection.ts';

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const KEYS = new Set(['success', 'error', 'error_code', 'request_id', 'details']);
/** What a 5xx must not let out. */
const INSIDE = /\bat .+:\d+:\d+|node_modules|\b(SELECT|INSERT|UPDATE|DELETE) .+ (FROM|INTO|SET) |ECONNREFUSED|postgres/;

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf({ body }: Answer): Fields | undefined {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Fields) : undefined;
  } catch {
    return undefined;
  }
}

/** What the answer to a request carries as `data`; undefined when it is no success in the platform's envelope. */
export function dataOf(answer: Answer): unknown {
  const fields = fieldsOf(answer);
  return fields?.success === true ? fields.data : undefined;
}

/** Where the next page of a list begins; undefined on the last one. */
export function nextCursorOf(answer: Answer): string | undefined {
  const page = fieldsOf(answer)?.page as Fields | undefined;
  return typeof page?.next_cursor === 'string' ? page.next_cursor : undefined;
}

/** The stable reason in an error, as docs/errors.md lists it. */
export function reasonOf(answer: Answer): string | undefined {
  const details = fieldsOf(answer)?.details;
  const first = Array.isArray(details) ? (details[0] as Fields | undefined) : undefined;
  return typeof first?.code === 'string' ? first.code : undefined;
}

function detailsFault(details: unknown): string | undefined {
  if (details === undefined) return undefined;
  if (!Array.isArray(details) || details.length === 0) return 'details is a list that says something';
  const wellFormed = (detail: Fields): boolean =>
    typeof detail.code === 'string' && /^[a-z][a-z0-9_]*$/.test(detail.code) && typeof detail.message === 'string';
  return details.every(wellFormed) ? undefined : 'a detail has a code and a message';
}

/**
 * Holds an answer of status 400 or above against the platform's one error format.
 * @returns the rule that it breaks; undefined when it keeps all
 */
export function formatFault(answer: Answer): string | undefined {
  const { status, headers, body } = answer;
  if (!/^application\/json\b/.test(headers['content-type'] ?? '')) return 'an error is JSON';
  const fields = fieldsOf(answer);
  if (!fields) return 'an error is a JSON object';
  const stray = Object.keys(fields).filter((key) => !KEYS.has(key));
  if (stray.length > 0) return `nothing else stands in an error (${stray.join(', ')})`;
  if (fields.success !== false) return 'success is false';
  if (typeof fields.error !== 'string' || fields.error.length < 3) return 'error is a sentence';
  if (fields.error_code !== status) return 'error_code is the HTTP status';
  if (typeof fields.request_id !== 'string' || !UUID_V4.test(fields.request_id)) return 'request_id is a UUID v4';
  if (fields.request_id !== headers['x-request-id']) return 'request_id equals X-Request-Id';
  if ((status === 503 || status === 429) && !/^\d+$/.test(headers['retry-after'] ?? ''))
    return `${status} carries Retry-After`;
  if (status >= 500 && INSIDE.test(body.toString('utf8'))) return 'a 5xx says nothing about the inside';
  return detailsFault(fields.details);
}
