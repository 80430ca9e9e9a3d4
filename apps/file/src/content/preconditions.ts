import type { IncomingHttpHeaders } from 'node:http';
import { matchesNone, parseIfMatch } from '@nexus/http';

/** What tells one state of the content from another. */
export interface Validators {
  /** Strong, with its quotes. */
  readonly etag: string;
  readonly lastModified: Date;
}

const DAY = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)';
const MONTH = '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)';
const TIME = '\\d{2}:\\d{2}:\\d{2}';
const FIXDATE = new RegExp(`^${DAY}, \\d{2} ${MONTH} \\d{4} ${TIME} GMT$`);
const RFC850 = new RegExp(`^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, \\d{2}-${MONTH}-\\d{2} ${TIME} GMT$`);
const ASCTIME = new RegExp(`^${DAY} ${MONTH} (?: \\d|\\d{2}) ${TIME} \\d{4}$`);

/** Reads an HTTP date in each of its three forms (RFC 9110 §5.6.7), as milliseconds; undefined for anything else. */
export function parseHttpDate(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms =
    FIXDATE.test(text) || RFC850.test(text)
      ? Date.parse(text)
      : ASCTIME.test(text)
        ? Date.parse(`${text} GMT`)
        : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}

/** HTTP dates know whole seconds. */
function inSeconds(date: Date): number {
  return Math.floor(date.getTime() / 1000) * 1000;
}

/**
 * Holds a conditional GET or HEAD against the content, in the order of RFC 9110 §13.2.2.
 * @returns `failed` is a 412, `not_modified` a 304
 */
export function evaluatePreconditions(
  headers: IncomingHttpHeaders,
  { etag, lastModified }: Validators,
): 'proceed' | 'not_modified' | 'failed' {
  const modified = inSeconds(lastModified);
  const match = parseIfMatch(headers['if-match']);
  if (match) {
    if (!match.any && !match.tags?.includes(etag)) return 'failed';
  } else {
    const unmodified = parseHttpDate(headers['if-unmodified-since']);
    if (unmodified !== undefined && modified > unmodified) return 'failed';
  }
  if (headers['if-none-match'] !== undefined)
    return matchesNone(headers['if-none-match'], etag) ? 'not_modified' : 'proceed';
  const since = parseHttpDate(headers['if-modified-since']);
  return since !== undefined && modified <= since ? 'not_modified' : 'proceed';
}

/** Whether `Range` counts in the presence of `If-Range` (RFC 9110 §13.1.5): only for exactly this content. */
export function rangeApplies(ifRange: string | undefined, { etag, lastModified }: Validators): boolean {
  if (ifRange === undefined) return true;
  const date = parseHttpDate(ifRange.trim());
  return date === undefined ? ifRange.trim() === etag : date === inSeconds(lastModified);
}
