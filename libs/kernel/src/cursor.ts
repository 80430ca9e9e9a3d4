import { errors } from './errors.js';

/** One page of a list, as services return it; the envelope adds the rest. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly limit: number;
  readonly nextCursor: string | null;
  /** Exact number of rows that match, over all pages. */
  readonly total: number;
}

/** Where the next page starts: the sort key and the id of the last row, tied to the sort it was made for. */
export interface CursorPosition {
  readonly key: string;
  readonly id: string;
}

const MAX_CURSOR_LENGTH = 1024;

/** Makes an opaque cursor (keyset pagination: stable under concurrent writes). */
export function encodeCursor(sort: string, position: CursorPosition): string {
  return Buffer.from(JSON.stringify([1, sort, position.key, position.id])).toString('base64url');
}

/**
 * Reads a cursor that {@link encodeCursor} made for the same sort.
 * @throws AppError `invalid_cursor` for anything else.
 */
export function decodeCursor(sort: string, cursor: string): CursorPosition {
  if (cursor.length <= MAX_CURSOR_LENGTH) {
    try {
      const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
      if (Array.isArray(parts) && parts.length === 4 && parts[0] === 1 && parts[1] === sort) {
        const [, , key, id] = parts as unknown[];
        if (typeof key === 'string' && typeof id === 'string') return { key, id };
      }
    } catch {
      // falls through to the one error
    }
  }
  throw errors.invalid_cursor({ field: 'cursor' });
}
