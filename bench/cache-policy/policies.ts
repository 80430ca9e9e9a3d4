import { LRUCache } from 'lru-cache';
import { ANSWER_BYTES, cachingOf, type KeptAnswer, keptAnswer, tagsOf } from '../trial/answers.ts';
import type { PolicyName } from './protocol.ts';
import { Sieve } from './sieve.ts';
import { CAPACITY } from './trace.ts';

/** A cache that holds {@link CAPACITY} answers. */
export interface Policy {
  /** Whether the key has an answer. */
  get(key: string): boolean;
  /** Keeps an answer. @param index tells the keys apart */
  set(key: string, index: number): void;
}

/** More than all answers take: bytes are counted, as they have to be, and push nobody out. */
const BYTES = 64 * 1024 * 1024;

/** Makes caches that tell of every removal, as the first tier needs it. @param main the build that is measured */
export async function policyMaker(name: PolicyName, main: string): Promise<() => Policy> {
  const answer = keptAnswer();
  const removed = { count: 0 };
  const onRemoved = () => {
    removed.count += 1;
  };
  const { ResponseCache, TinyLfuStore } = await cachingOf(main);
  switch (name) {
    case 'lru':
      return () => {
        const cache = new LRUCache<string, KeptAnswer>({ max: CAPACITY, maxSize: BYTES, dispose: onRemoved });
        return {
          get: (key) => cache.get(key) !== undefined,
          set: (key) => cache.set(key, answer, { size: ANSWER_BYTES }),
        };
      };
    case 'sieve':
      return () => {
        const store = new Sieve<KeptAnswer>({ maxEntries: CAPACITY, maxBytes: BYTES, onRemoved });
        return { get: (key) => store.get(key) !== undefined, set: (key) => store.set(key, answer, ANSWER_BYTES) };
      };
    case 'w-tiny-lfu':
      return () => {
        const store = new TinyLfuStore<KeptAnswer>({ maxEntries: CAPACITY, maxBytes: BYTES, onRemoved });
        return { get: (key) => store.get(key) !== undefined, set: (key) => store.set(key, answer, ANSWER_BYTES) };
      };
    case 'nexus':
      return () => {
        const cache = new ResponseCache({ maxEntries: CAPACITY });
        return {
          get: (key) => cache.lookup(key) !== undefined,
          set: (key, index) => cache.beginFill(key).store(answer, { tags: tagsOf(index) }),
        };
      };
  }
}
