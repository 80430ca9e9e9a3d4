import type { FreshAnswer } from './cached-answer.js';

/** Rough cost of an entry's objects and of one tag link, in bytes. */
const ENTRY_COST = 400;
const TAG_COST = 120;

/** What a text takes in memory: one byte a character as long as all are Latin-1, otherwise two. */
function textSize(text: string): number {
  return /^[\0-\xff]*$/.test(text) ? text.length : text.length * 2;
}

/** What a kept answer takes in memory, in bytes. */
export function sizeOf(key: string, answer: FreshAnswer, tags: readonly string[]): number {
  let size = ENTRY_COST + key.length + textSize(answer.head) + textSize(answer.tail ?? '') + (answer.etag?.length ?? 0);
  for (const tag of tags) size += TAG_COST + tag.length;
  return size;
}
