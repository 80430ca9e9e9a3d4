import type { CachedAnswer, FreshAnswer } from './cached-answer.js';
import type { Moment } from './invalidation-log.js';

/** First bytes of an answer in Redis; another number for another form. */
const FORM = 'nx1';
const LINE_FEED = 10;

interface Facts {
  /** The whole key: it names who may see the answer, and is compared before anybody does. */
  readonly key: string;
  readonly moment: Moment;
  readonly storedAt: number;
  readonly expiresAt: number;
  readonly etag?: string;
  readonly type: string;
  readonly status?: 404;
  readonly tail?: string;
}

/** An answer as it lies in Redis: a line of facts, and the bytes of its text, which nobody parses. */
export function encodeAnswer(key: string, answer: FreshAnswer, moment: Moment, now: number, ttlMs: number): Buffer {
  const facts: Facts = {
    key,
    moment,
    storedAt: now,
    expiresAt: now + ttlMs,
    ...(answer.etag === undefined ? {} : { etag: answer.etag }),
    type: answer.contentType,
    ...(answer.status === 404 ? { status: 404 } : {}),
    ...(answer.tail === undefined ? {} : { tail: answer.tail }),
  };
  return Buffer.from(`${FORM}${JSON.stringify(facts)}\n${answer.head}`);
}

function factsOf(text: string): Facts | undefined {
  if (!text.startsWith(FORM)) return undefined;
  try {
    const facts = JSON.parse(text.slice(FORM.length)) as Partial<Facts>;
    const isWhole =
      typeof facts.key === 'string' &&
      typeof facts.moment === 'number' &&
      typeof facts.storedAt === 'number' &&
      typeof facts.expiresAt === 'number' &&
      typeof facts.type === 'string' &&
      (facts.etag === undefined || typeof facts.etag === 'string') &&
      (facts.status === undefined || facts.status === 404) &&
      (facts.tail === undefined || typeof facts.tail === 'string');
    return isWhole ? (facts as Facts) : undefined;
  } catch {
    return undefined;
  }
}

/** @returns undefined for what is not an answer to this key, or of another form */
export function decodeAnswer(
  bytes: Buffer,
  key: string,
  tags: readonly string[],
): { readonly answer: CachedAnswer; readonly moment: Moment } | undefined {
  const end = bytes.indexOf(LINE_FEED);
  const facts = end < 0 ? undefined : factsOf(bytes.toString('utf8', 0, end));
  if (facts?.key !== key) return undefined;
  const { moment, storedAt, expiresAt, etag, type, status = 200, tail } = facts;
  const head = bytes.toString('utf8', end + 1);
  const answer = { status, head, tail, etag, contentType: type, tags, storedAt, expiresAt } as const;
  return { answer, moment };
}
