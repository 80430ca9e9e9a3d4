import type { IncomingHttpHeaders } from 'node:http';
import type { Changes } from '../routes/routes-file.schemas.js';

/** What a declaration does to names and values, in the order rename, remove, set: prepared once, run for each request. */
interface Plan {
  readonly rename: ReadonlyMap<string, string>;
  /** Gone before something takes their place: removed, set, or renamed to. */
  readonly gone: ReadonlySet<string>;
  readonly set: readonly (readonly [string, string])[];
}

function planOf({ rename = {}, remove = [], set = {} }: Changes, lower: boolean): Plan {
  const key = (name: string) => (lower ? name.toLowerCase() : name);
  return {
    rename: new Map(Object.entries(rename).map(([from, to]) => [key(from), key(to)])),
    gone: new Set([...remove, ...Object.keys(set)].map(key)),
    set: Object.entries(set).map(([name, value]) => [key(name), value]),
  };
}

/** Whether a declaration does anything at all. */
function isEmpty({ rename, remove, set }: Changes<unknown>): boolean {
  return Object.keys(rename ?? {}).length + (remove?.length ?? 0) + Object.keys(set ?? {}).length === 0;
}

/**
 * Changes header fields, given as names (lower case) and values in turn. All lines of a name go together; a name that
 * another is renamed to is replaced.
 */
export function fieldsChange(changes: Changes | undefined): ((fields: readonly string[]) => string[]) | undefined {
  if (!changes || isEmpty(changes)) return undefined;
  const { rename, gone, set } = planOf(changes, true);
  return (fields) => {
    const replaced = new Set<string>();
    for (let i = 0; i < fields.length; i += 2) {
      const to = rename.get(fields[i] as string);
      if (to !== undefined) replaced.add(to);
    }
    const made: string[] = [];
    for (let i = 0; i < fields.length; i += 2) {
      const name = fields[i] as string;
      const to = rename.get(name);
      if (to === undefined && (gone.has(name) || replaced.has(name))) continue;
      made.push(to ?? name, fields[i + 1] as string);
    }
    for (const [name, value] of set) made.push(name, value);
    return made;
  };
}

/** The same for headers as Node holds them; gives new ones. */
export function headersChange(
  changes: Changes | undefined,
): ((headers: IncomingHttpHeaders) => IncomingHttpHeaders) | undefined {
  if (!changes || isEmpty(changes)) return undefined;
  const { rename, gone, set } = planOf(changes, true);
  return (headers) => {
    const made: IncomingHttpHeaders = {};
    for (const name in headers) if (!gone.has(name) && !rename.has(name)) made[name] = headers[name];
    for (const [from, to] of rename) if (headers[from] !== undefined) made[to] = headers[from];
    for (const [name, value] of set) made[name] = value;
    return made;
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}

/**
 * Changes the query of a request target. What is not declared stays byte by byte, its order too; what is set comes last.
 * @returns the target with its query changed
 */
export function queryChange(changes: Changes | undefined): ((url: string) => string) | undefined {
  if (!changes || isEmpty(changes)) return undefined;
  const { rename, gone, set } = planOf(changes, false);
  const added = set.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
  return (url) => {
    const mark = url.indexOf('?');
    const path = mark < 0 ? url : url.slice(0, mark);
    const query = mark < 0 ? '' : url.slice(mark + 1);
    const pairs = (query === '' ? [] : query.split('&')).map((pair) => {
      const equals = pair.indexOf('=');
      const name = decoded(equals < 0 ? pair : pair.slice(0, equals));
      return { pair, name, tail: equals < 0 ? '' : pair.slice(equals), to: rename.get(name) };
    });
    const replaced = new Set(pairs.flatMap(({ to }) => (to === undefined ? [] : [to])));
    const made = pairs.flatMap(({ pair, name, tail, to }) => {
      if (to !== undefined) return [encodeURIComponent(to) + tail];
      return gone.has(name) || replaced.has(name) ? [] : [pair];
    });
    made.push(...added);
    return made.length === 0 ? path : `${path}?${made.join('&')}`;
  };
}
