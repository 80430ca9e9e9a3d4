import type { JsonSchema, SchemaStore } from './schema-store.js';

const BY_FORMAT: Readonly<Record<string, string>> = {
  uuid: '0192f0c4-7a3b-7c1d-8e2f-3a4b5c6d7e8f',
  'date-time': '2026-01-31T12:00:00.000Z',
  email: 'ada@example.com',
  uri: 'https://nexus.example.com',
};
const MAX_DEPTH = 8;

/** A value that the schema allows, so that every answer of the docs has an example. */
export function exampleOf(schema: JsonSchema, store: SchemaStore, depth = 0): unknown {
  const resolved = store.resolve(schema);
  if (Array.isArray(resolved.examples) && resolved.examples.length > 0) return resolved.examples[0];
  if ('const' in resolved) return resolved.const;
  if ('default' in resolved) return resolved.default;
  if (Array.isArray(resolved.enum)) return resolved.enum[0];
  const options = (resolved.anyOf ?? resolved.oneOf) as JsonSchema[] | undefined;
  if (options) {
    const best = options.find((option) => option.type !== 'null') ?? options[0];
    return best ? exampleOf(best, store, depth + 1) : null;
  }
  return byType(resolved, store, depth);
}

function byType(schema: JsonSchema, store: SchemaStore, depth: number): unknown {
  const type = Array.isArray(schema.type) ? schema.type.find((name) => name !== 'null') : schema.type;
  switch (type) {
    case 'object': {
      const properties = (schema.properties ?? {}) as Record<string, JsonSchema>;
      if (depth > MAX_DEPTH) return {};
      return Object.fromEntries(
        Object.entries(properties).map(([key, value]) => [key, exampleOf(value, store, depth + 1)]),
      );
    }
    case 'array':
      return depth > MAX_DEPTH || !schema.items ? [] : [exampleOf(schema.items as JsonSchema, store, depth + 1)];
    case 'string':
      return BY_FORMAT[schema.format as string] ?? 'text'.padEnd(Number(schema.minLength ?? 0), '.');
    case 'integer':
    case 'number':
      return Number(schema.minimum ?? schema.exclusiveMinimum ?? 1);
    case 'boolean':
      return true;
    default:
      return type === 'null' || schema.type === 'null' ? null : {};
  }
}
