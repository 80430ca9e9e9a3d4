import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { LRUCache } from 'lru-cache';
import { cachingOf, type KeptAnswer, keptAnswer, keyOf, tagsOf } from '../trial/answers.ts';
import type { ReaderName } from './protocol.ts';

/** Answers that each cache holds: as many as the first tier of Nexus by default. */
export const ENTRIES = 1_000;

/** Reads one answer, at once or later. */
export type Reader = (key: string) => KeptAnswer | undefined | Promise<KeptAnswer>;

/** A cache with an answer for every key. @param main the build that is measured */
export async function readerOf(name: ReaderName, main: string): Promise<Reader> {
  const answer = keptAnswer();
  const indices = Array.from({ length: ENTRIES }, (_, index) => index);
  switch (name) {
    case 'own-cache': {
      const { ResponseCache } = await cachingOf(main);
      const cache = new ResponseCache({ maxEntries: ENTRIES });
      for (const index of indices) cache.beginFill(keyOf(index)).store(answer, { tags: tagsOf(index) });
      return (key) => cache.lookup(key);
    }
    case 'lru-cache': {
      const cache = new LRUCache<string, KeptAnswer>({ max: ENTRIES });
      for (const index of indices) cache.set(keyOf(index), answer);
      return (key) => cache.get(key);
    }
    case 'bentocache':
    case 'bentocache-plain': {
      const options = name === 'bentocache' ? {} : ({ serialize: false } as const);
      const memory = bentostore().useL1Layer(memoryDriver({ maxItems: ENTRIES, ...options }));
      const cache = new BentoCache({ default: 'memory', stores: { memory } });
      const read = (key: string) => cache.getOrSet({ key, factory: () => answer, ttl: '5m' });
      for (const index of indices) await read(keyOf(index));
      return read;
    }
  }
}
