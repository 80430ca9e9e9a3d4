import { AppError } from '@nexus/kernel';
import type { CachePolicy } from './cache-policy.js';
import type { CacheFill } from './cached-answer.js';
import type { EncodedAnswer } from './encoded-answer.js';

const JSON_TYPE = 'application/json; charset=utf-8';

/** What the policy chain leaves on the raw request as `nexus.fill` when the route's answer may be kept. */
export interface FillSlot {
  readonly fill: CacheFill;
  readonly policy: CachePolicy;
  /** {@link CachePolicy} `tags`, expanded. */
  readonly tags: readonly string[];
}

const seconds = (value: number | undefined) => (value === undefined ? undefined : value * 1000);

/** How long after its life an answer may still be given, in ms. */
function graceOf({ staleWhileRevalidateSeconds = 0, staleIfErrorSeconds = 0 }: CachePolicy): number {
  return Math.max(staleWhileRevalidateSeconds, staleIfErrorSeconds) * 1000;
}

/** Keeps a final answer of status 200 to a GET, and lets those who wait for it have it. */
export function keepAnswer({ fill, policy, tags }: FillSlot, answer: EncodedAnswer): void {
  const options = { tags, ttlMs: seconds(policy.ttlSeconds), graceMs: graceOf(policy) };
  fill.store({ head: answer.head, etag: answer.etag, contentType: JSON_TYPE }, options);
}

/** Lets those go on who wait for an answer that failed; that there is no such thing may still be kept. */
export function releaseFailed({ fill }: FillSlot, error: unknown): void {
  if (!(error instanceof AppError && error.status === 404)) fill.release();
}

/**
 * Keeps that there is no such thing, where the route's answers say for how long.
 * @param text of the error answer
 * @param id of its request, which each answer has its own of
 */
export function keepNotFound({ fill, policy, tags }: FillSlot, text: string, id: string): void {
  const ttlMs = seconds(policy.notFoundSeconds);
  const at = text.indexOf(`"request_id":"${id}"`);
  if (ttlMs === undefined || at < 0) {
    fill.release();
    return;
  }
  const end = at + '"request_id":"'.length;
  const answer = { status: 404, head: text.slice(0, end), tail: text.slice(end + id.length) } as const;
  fill.store({ ...answer, contentType: JSON_TYPE }, { tags, ttlMs });
}
