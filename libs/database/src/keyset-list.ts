import { hash } from 'node:crypto';
import { decodeCursor, encodeCursor, errors, isUuid, type Page } from '@nexus/kernel';
import type { Sql } from './database.js';

/** One way to sort a list. */
export interface KeysetOrder {
  /** Expression of the row, never null; text with an explicit `COLLATE`, timestamps as `timestamptz(3)`. */
  readonly sql: string;
  readonly type: 'timestamptz' | 'text';
  readonly descending?: boolean;
}

/** A list of rows with a uuid. All texts are constants of the program. */
export interface KeysetList<S extends string = string> {
  /** Columns; one of them is named `id`, none `sort_key` or `total`. */
  readonly select: string;
  readonly from: string;
  /** Expression of the uuid: breaks ties. */
  readonly id: string;
  readonly orders: Readonly<Record<S, KeysetOrder>>;
}

/** What a client asks of a list. */
export interface KeysetAsk<S extends string = string> {
  readonly sort: S;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/** Filters of a statement: texts are constants of the program, what comes from outside is a value. */
export class Conditions {
  readonly values: unknown[] = [];
  private readonly parts: string[] = [];

  /** @param build makes the condition; given the value's placeholder */
  add(build: (placeholder: string) => string, value: unknown): this {
    this.values.push(value);
    this.parts.push(build(`$${this.values.length}`));
    return this;
  }

  /** A condition without a value. */
  and(sql: string): this {
    this.parts.push(sql);
    return this;
  }

  get sql(): string {
    return this.parts.length === 0 ? 'true' : this.parts.join(' AND ');
  }
}

function assertPosition(order: KeysetOrder, key: string, id: string): void {
  const valid = order.type === 'text' ? key.isWellFormed() && !key.includes('\0') : isTimestamp(key);
  if (!valid || !isUuid(id)) throw errors.invalid_cursor({ field: 'cursor' });
}

/** Exactly what `toISOString` writes, in the years that PostgreSQL reads in that form. */
function isTimestamp(text: string): boolean {
  const ms = Date.parse(text);
  return !Number.isNaN(ms) && /^\d{4}-/.test(text) && !text.startsWith('0000') && new Date(ms).toISOString() === text;
}

/**
 * One page of a list with its exact total, in one statement and so of one moment. Keyset pagination: rows that others
 * add or remove meanwhile shift nothing. The cursor is bound to the sort and to every filter.
 *
 * @throws AppError `invalid_cursor`
 */
export async function keysetPage<R extends { id: string }, S extends string = string>(
  sql: Sql,
  list: KeysetList<S>,
  conditions: Conditions,
  { sort, limit, cursor }: KeysetAsk<S>,
): Promise<Page<R>> {
  const order = list.orders[sort];
  const direction = order.descending ? 'DESC' : 'ASC';
  const where = conditions.sql;
  const scope = `${sort}:${hash('sha1', JSON.stringify([where, conditions.values]), 'base64url').slice(0, 10)}`;
  const values = [...conditions.values];
  const place = (value: unknown) => `$${values.push(value)}`;
  let after = '';
  if (cursor !== undefined) {
    const { key, id } = decodeCursor(scope, cursor);
    assertPosition(order, key, id);
    const position = `(${place(key)}::${order.type}, ${place(id)}::uuid)`;
    after = ` AND (${order.sql}, ${list.id}) ${order.descending ? '<' : '>'} ${position}`;
  }
  const rows = await sql.prepared<R & { total: number; sort_key: Date | string }>(
    `SELECT counted.total, page.* FROM (SELECT count(*)::int AS total FROM ${list.from} WHERE ${where}) counted
     LEFT JOIN (
       SELECT ${list.select}, ${order.sql} AS sort_key FROM ${list.from} WHERE ${where}${after}
       ORDER BY ${order.sql} ${direction}, ${list.id} ${direction} LIMIT ${place(limit + 1)}
     ) page ON true
     ORDER BY page.sort_key ${direction}, page.id ${direction}`,
    values,
  );
  const total = rows[0]?.total ?? 0;
  // Without a row the join gives one that is all null.
  const items = rows.length === 1 && rows[0]?.id === null ? [] : rows;
  let nextCursor: string | null = null;
  if (items.length > limit) {
    items.pop();
    const last = items[limit - 1] as (typeof rows)[number];
    const key = last.sort_key instanceof Date ? last.sort_key.toISOString() : last.sort_key;
    nextCursor = encodeCursor(scope, { key, id: last.id });
  }
  return { items, limit, nextCursor, total };
}
