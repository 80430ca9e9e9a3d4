import { type Group, type Json, record, type Schema, schemaOf } from './values-tree.ts';

const WIDTH = 120;

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** JSON as the formatter of the repository writes it: lists on one line where they fit. */
function format(value: Json, indent: string, before: number): string {
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    const line = `[${value.map((item) => JSON.stringify(item)).join(', ')}]`;
    if (value.length === 0 || (!value.some(isObject) && before + line.length < WIDTH)) return line;
    return `[\n${value.map((item) => inner + format(item, inner, inner.length)).join(',\n')}\n${indent}]`;
  }
  if (!isObject(value)) return JSON.stringify(value);
  const entries = Object.entries(value);
  if (entries.length === 0) return '{}';
  const members = entries.map(([key, item]) => {
    const start = `${inner}${JSON.stringify(key)}: `;
    return start + format(item, inner, start.length);
  });
  return `{\n${members.join(',\n')}\n${indent}}`;
}

/** What Helm hands to the library; its `global` is that of the chart which depends on it, and judged there. */
export const LIBRARY_VALUES: Schema = {
  description: 'The library has no values of its own.',
  ...record({ global: true }),
};

/**
 * A chart's values as an object, with what Helm hands to it besides: `global`, and what belongs to the library.
 * @param isWhole as for {@link schemaOf}
 * @param global where the values are part of the umbrella's, anything: what is wrong in `global` is said once
 */
export function chartValues(
  about: string,
  fields: Group['fields'],
  isWhole: boolean,
  global: Json = { $ref: '#/$defs/global' },
): Schema {
  const { properties, ...own } = schemaOf({ about, fields }, isWhole);
  return { ...own, properties: { global, 'nexus-lib': LIBRARY_VALUES, ...(properties as { [key: string]: Json }) } };
}

/** values.schema.json: nothing that is not known is taken. */
export function schemaFile(schema: Schema, globals?: Schema): string {
  const definitions: Schema = globals === undefined ? {} : { $defs: { global: globals } };
  const document: Schema = { $schema: 'https://json-schema.org/draft/2020-12/schema', ...schema, ...definitions };
  return `${format(document, '', 0)}\n`;
}
