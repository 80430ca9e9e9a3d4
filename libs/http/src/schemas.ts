import { z } from 'zod';

/** RFC 3339 in UTC with milliseconds, as every answer carries it. */
export const timestamp = z.iso.datetime({ precision: 3 }).meta({ example: '2026-01-31T12:00:00.000Z' });

/** An id in a path: `@Param({ schema: idParam })`. Further parameters by `.extend`. */
export const idParam = z.strictObject({ id: z.uuid() });

/** The query of a list: `limit`, `cursor` and one of the given sorts. Further filters by `.extend`. */
export function cursorQuery<const S extends readonly [string, ...string[]]>(sorts: S, byDefault: S[number]) {
  return z.strictObject({
    limit: z.coerce.number().int().min(1).max(100).default(20),
    cursor: z.string().max(1024).optional(),
    sort: z.enum(sorts).default(byDefault as never),
  });
}

/**
 * The `q` of a list: words to look for.
 * @param description which words are looked at, for the docs
 */
export function searchText(description: string) {
  return z.string().trim().min(1).max(200).optional().meta({ description });
}
