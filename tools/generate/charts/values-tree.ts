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
  /** Left out of values.yaml as long as nobody sets them: each falls back to what `about` names. */
  readonly optional?: true;
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
  return { about, fields, optional: true };
}

export const text = (about: string, byDefault: string, schema: Schema = {}): Leaf =>
  leaf(about, byDefault, { type: 'string', ...schema });

export const flag = (about: string, byDefault: boolean): Leaf => leaf(about, byDefault, { type: 'boolean' });

export const count = (about: string, byDefault: number, minimum: number, maximum?: number): Leaf =>
  leaf(about, byDefault, { type: 'integer', minimum, ...(maximum === undefined ? {} : { maximum }) });

export const choice = (about: string, byDefault: string, choices: readonly string[]): Leaf =>
  leaf(about, byDefault, { type: 'string', enum: choices });

/** An object of which only these properties are known. */
export function record(properties: { readonly [key: string]: Schema }, required: readonly string[] = []): Schema {
  return { type: 'object', additionalProperties: false, ...(required.length > 0 ? { required } : {}), properties };
}

/** A list whose entries are all of one form. */
export const list = (items: Schema, rest: Schema = {}): Schema => ({ type: 'array', items, ...rest });

export const STRING: Schema = { type: 'string', minLength: 1 };
export const STRINGS: Schema = { type: 'object', additionalProperties: { type: 'string' } };

function schemaOfGroup({ about, fields }: Group): Schema {
  const properties = Object.fromEntries(Object.entries(fields).map(([key, node]) => [key, schemaOf(node)]));
  return { description: about, type: 'object', additionalProperties: false, properties };
}

export function schemaOf(node: Node): Schema {
  return isGroup(node) ? schemaOfGroup(node) : { description: node.about, ...node.schema };
}

/** One row of the table of values. */
export interface Row {
  readonly path: string;
  readonly about: string;
  /** Absent: not set. */
  readonly byDefault?: Json;
}

/** Every leaf under `path`; those of optional groups have no default. */
export function rowsOf(node: Node, path: string, isOptional = false): Row[] {
  if (!isGroup(node)) return [{ path, about: node.about, ...(isOptional ? {} : { byDefault: node.byDefault }) }];
  return Object.entries(node.fields).flatMap(([key, child]) =>
    rowsOf(child, `${path}.${key}`, isOptional || node.optional === true),
  );
}
