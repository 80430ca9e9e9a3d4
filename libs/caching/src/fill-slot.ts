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

/** Keeps a final answer of status 200 to a GET, and lets those who wait for it have it. */
export function keepAnswer({ fill, policy, tags }: FillSlot, answer: EncodedAnswer): void {
  const ttlMs = policy.ttlSeconds === undefined ? undefined : policy.ttlSeconds * 1000;
  fill.store({ head: answer.head, etag: answer.etag, contentType: JSON_TYPE }, { tags, ttlMs });
}
