import { parseJson } from '@nexus/http';
import type { Changes } from '../routes/routes-file.schemas.js';

type JsonObject = Record<string, unknown>;

/** ECMAScript's "JSON.parse source text access", which Node has and the type library does not know yet. */
interface SourceTextJson {
  rawJSON(text: string): object;
  isRawJSON(value: unknown): boolean;
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): unknown;
}
const json = JSON as unknown as SourceTextJson;

/** Only a number of such a form may be written otherwise than it came. */
const DELICATE_NUMBER = /\d{16}|\d[.eE]|-0/;

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !json.isRawJSON(value);
}

/** A JSON text as a value whose numbers are written as they came: 64-bit ids are larger than a `number` can tell. */
function parseExact(bytes: Buffer): unknown {
  const value = parseJson(bytes);
  const text = bytes.toString();
  if (!DELICATE_NUMBER.test(text)) return value;
  return json.parse(text, (_key, one, { source }) =>
    typeof one === 'number' && source !== undefined && String(one) !== source ? json.rawJSON(source) : one,
  );
}

/** The object that holds the last name of a path; undefined where the path leads through something else. */
function holderOf(body: JsonObject, names: readonly string[], make: boolean): JsonObject | undefined {
  let holder = body;
  for (const name of names.slice(0, -1)) {
    if (make && !Object.hasOwn(holder, name)) holder[name] = {};
    const next = Object.hasOwn(holder, name) ? holder[name] : undefined;
    if (!isObject(next)) return undefined;
    holder = next;
  }
  return holder;
}

function take(body: JsonObject, names: readonly string[]): { readonly value: unknown } | undefined {
  const holder = holderOf(body, names, false);
  const last = names.at(-1) as string;
  if (!holder || !Object.hasOwn(holder, last)) return undefined;
  const value = holder[last];
  Reflect.deleteProperty(holder, last);
  return { value };
}

function put(body: JsonObject, names: readonly string[], value: unknown): void {
  const holder = holderOf(body, names, true);
  if (holder) holder[names.at(-1) as string] = value;
}

/**
 * Changes a JSON body, in the order rename, remove, set. Paths are names joined by dots; objects that are missing on the
 * way to what is set or renamed to are made, and a path through anything else leads nowhere. Bodies that are no objects,
 * and those that are empty, stay as they are.
 *
 * @returns what changes a body; it throws AppError `malformed_json` or `invalid_encoding`
 */
export function bodyChange(changes: Changes<unknown> | undefined): ((body: Buffer) => Buffer) | undefined {
  const { rename = {}, remove = [], set = {} } = changes ?? {};
  const renames = Object.entries(rename).map(([from, to]) => [from.split('.'), to.split('.')] as const);
  const removes = remove.map((path) => path.split('.'));
  const sets = Object.entries(set).map(([path, value]) => [path.split('.'), value] as const);
  if (renames.length + removes.length + sets.length === 0) return undefined;
  return (bytes) => {
    if (bytes.length === 0) return bytes;
    const body = parseExact(bytes);
    if (!isObject(body)) return bytes;
    // All are taken before one is put, so that two names can change places.
    const taken = renames.map(([from, to]) => [to, take(body, from)] as const);
    for (const [to, found] of taken) if (found) put(body, to, found.value);
    for (const path of removes) take(body, path);
    for (const [path, value] of sets) put(body, path, structuredClone(value));
    return Buffer.from(JSON.stringify(body));
  };
}
