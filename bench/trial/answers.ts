import { pathToFileURL } from 'node:url';

/** An answer as the first tier keeps it: the JSON of one project. */
export interface KeptAnswer {
  head: string;
  etag: string;
  contentType: string;
}

/** As much of the first tier as is needed to use it. */
export interface FirstTier {
  lookup(key: string): KeptAnswer | undefined;
  beginFill(key: string): { store(answer: KeptAnswer, options: { tags: readonly string[] }): boolean };
}

interface Store<V> {
  get(key: string): V | undefined;
  set(key: string, value: V, bytes: number): boolean;
}

/** What is used of the build's `libs/caching`. */
export interface Caching {
  ResponseCache: new (options: { maxEntries: number }) => FirstTier;
  TinyLfuStore: new <V>(options: { maxEntries: number; maxBytes: number; onRemoved: (value: V) => void }) => Store<V>;
}

/** @param main the entry of the build that is measured */
export async function cachingOf(main: string): Promise<Caching> {
  const url = new URL('../libs/caching/src/index.js', pathToFileURL(main));
  return (await import(url.href)) as Caching;
}

/** What the answer takes in memory, as the first tier counts it. */
export const ANSWER_BYTES = 1_600;

export function keptAnswer(): KeptAnswer {
  return {
    head: `{"success":true,"data":{"text":"${'x'.repeat(1_000)}"},"request_id":`,
    etag: '"1"',
    contentType: 'application/json; charset=utf-8',
  };
}

/** A key as the policy chain makes it: one user's, of one project. @param index tells the projects apart */
export function keyOf(index: number): string {
  const project = `0193a1b2-c3d4-7e5f-8a9b-${index.toString(16).padStart(12, '0')}`;
  const key = `u\n0193a1b2-0000-7000-8000-000000000001\nuser\n\n/api/v1/projects/${project}`;
  // One flat string: a lookup should not pay for putting it together.
  return Buffer.from(key, 'latin1').toString('latin1');
}

export function tagsOf(index: number): string[] {
  return [`project:${index}`];
}
