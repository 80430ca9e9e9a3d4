/** What a chart can be told, as data: values.yaml, values.schema.json and the table in the README are made of it. */

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
export type Schema = { readonly [key: string]: Json };

/** One value that the operator may set. */
export interface Leaf {
  readonly about: string;
  readonly byDefault: Json;
  readonly schema: Schema;
}

/** Values that belong together. */
export interface Group {
  readonly about: string;
  readonly fields: { readonly [key: string]: Node };
  /** The fields that values.yaml sets, where it does not set all; the others fall back to what `about` names. */
  readonly set?: readonly string[];
  /** The fields that are not set are described elsewhere, as `about` says. */
  readonly brief?: true;
}

export type Node = Leaf | Group;

export function isGroup(node: Node): node is Group {
  return 'fields' in node;
}

export function leaf(about: string, byDefault: Json, schema: Schema): Leaf {
  return { about, byDefault, schema };
}

export function group(about: string, fields: Group['fields']): Group {
  return { about, fields };
}

/** Overrides of values of the same names elsewhere; nothing is set by default. */
export function overrides(about: string, fields: Group['fields']): Group {
  return { about, fields, set: [] };
}

export const text = (about: string, byDefault: string, schema: Schema = {}): Leaf =>
  leaf(about, byDefault, { type: 'string', ...schema });

export const flag = (about: string, byDefault: boolean): Leaf => leaf(about, byDefault, { type: 'boolean' });

export const count = (about: string, byDefault: number, minimum: number, maximum?: number): Leaf =>
  leaf(about, byDefault, { type: 'integer', minimum, ...(maximum === undefined ? {} : { maximum }) });

export const choice = (about: string, byDefault: string, choices: readonly string[]): Leaf =>
  leaf(about, byDefault, { type: 'string', enum: choices });

/** An object of which only these properties are known. */
export function record(
  properties: { readonly [key: string]: Schema | true },
  required: readonly string[] = [],
): Schema {
  return { type: 'object', additionalProperties: false, ...(required.length > 0 ? { required } : {}), properties };
}

/** A list whose entries are all of one form. */
export const list = (items: Schema, rest: Schema = {}): Schema => ({ type: 'array', items, ...rest });

export const STRING: Schema = { type: 'string', minLength: 1 };
export const STRINGS: Schema = { type: 'object', additionalProperties: { type: 'string' } };

/**
 * A node as JSON Schema.
 * @param isWhole the values are there in full: without one that values.yaml sets, a template would say something else
 */
export function schemaOf(node: Node, isWhole: boolean): Schema {
  if (!isGroup(node)) return { description: node.about, ...node.schema };
  const entries = Object.entries(node.fields);
  const properties = Object.fromEntries(entries.map(([key, child]) => [key, schemaOf(child, isWhole)]));
  const required = isWhole && node.set === undefined ? entries.map(([key]) => key) : [];
  return { description: node.about, ...record(properties, required) };
}

/** One row of the table of values. */
export interface Row {
  readonly path: string;
  readonly about: string;
  /** Absent: not set. */
  readonly byDefault?: Json;
}

/** Whether values.yaml sets this field of a group. */
export function isSet({ set }: Group, key: string): boolean {
  return set === undefined || set.includes(key);
}

/** Everything under `path`; groups, and what values.yaml does not set, have no default. */
export function rowsOf(node: Node, path: string, inValues = true): Row[] {
  if (!isGroup(node)) return [{ path, about: node.about, ...(inValues ? { byDefault: node.byDefault } : {}) }];
  const named = Object.entries(node.fields).filter(([key]) => node.brief !== true || isSet(node, key));
  const rows = named.flatMap(([key, child]) =>
    rowsOf(child, path === '' ? key : `${path}.${key}`, inValues && isSet(node, key)),
  );
  return path === '' ? rows : [{ path, about: node.about }, ...rows];
}
