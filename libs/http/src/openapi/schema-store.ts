import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';

/** JSON Schema 2020-12, as OpenAPI 3.1 uses it. */
export type JsonSchema = { [key: string]: unknown };

const PREFIX = '#/components/schemas/';

/** Collects named schemas under `components/schemas` and hands out references to them. */
export class SchemaStore {
  readonly components: Record<string, JsonSchema> = {};

  /** @param io whether clients send it (defaults may be left out) or receive it */
  add(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
    // Inside an object a named schema becomes a reference; on its own it would be written out.
    const wrapped = z.toJSONSchema(z.object({ held: schema }), { io, unrepresentable: 'any' }) as unknown as {
      properties: { held: JsonSchema };
      $defs?: Record<string, JsonSchema>;
    };
    const renamed = new Map<string, string>();
    for (const [name, definition] of Object.entries(wrapped.$defs ?? {}))
      renamed.set(name, this.nameFor(name, definition, io));
    for (const [name, definition] of Object.entries(wrapped.$defs ?? {})) {
      this.components[renamed.get(name) as string] = rewrite(definition, renamed) as JsonSchema;
    }
    return rewrite(wrapped.properties.held, renamed) as JsonSchema;
  }

  resolve(schema: JsonSchema): JsonSchema {
    const ref = schema.$ref;
    return typeof ref === 'string' ? (this.components[ref.slice(PREFIX.length)] ?? {}) : schema;
  }

  private nameFor(name: string, definition: JsonSchema, io: 'input' | 'output'): string {
    const known = this.components[name];
    const same = new Map([[name, name]]);
    if (!known || isDeepStrictEqual(known, rewrite(definition, same))) return name;
    return io === 'input' ? `${name}Input` : name;
  }
}

function rewrite(value: unknown, renamed: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(value)) return value.map((item) => rewrite(item, renamed));
  if (value === null || typeof value !== 'object') return value;
  const out: JsonSchema = {};
  for (const [key, item] of Object.entries(value)) {
    if (key === '$schema' || (key === 'id' && typeof item === 'string')) continue;
    if (key === '$ref' && typeof item === 'string') {
      const name = item.replace('#/$defs/', '');
      out.$ref = `${PREFIX}${renamed.get(name) ?? name}`;
    } else if (key === 'example') out.examples = [item];
    else out[key] = rewrite(item, renamed);
  }
  return out;
}
