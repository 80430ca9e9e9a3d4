export { type CacheKeyParts, cacheKey, canonicalUrl } from './cache-key.js';
export { type CachePolicy, expandTags, type TagValues } from './cache-policy.js';
export { type CacheOutcome, cacheStatus, type ForwardReason } from './cache-status.js';
export type {
  CacheCounters,
  CachedAnswer,
  CacheFill,
  FlightPlace,
  FreshAnswer,
  StoreOptions,
} from './cached-answer.js';
export { type CachingConfig, cachingConfig } from './caching.config.js';
export { CachingInterceptor } from './caching.interceptor.js';
export { EncodedAnswer } from './encoded-answer.js';
export { type FillSlot, keepAnswer, keepNotFound, releaseFailed } from './fill-slot.js';
export { type InvalidationListener, ResponseCache, type ResponseCacheOptions } from './response-cache.js';
export { SharedAnswers, type SharedCounters, type SharedTicket } from './shared-answers.js';
export { SharedFill } from './shared-fill.js';
export { type RemovalReason, TinyLfuStore, type TinyLfuStoreOptions } from './tiny-lfu-store.js';
