import type { KeyShape } from '@nexus/contracts';
import { z } from 'zod';

interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly $ref?: string;
}

const OPAQUE: KeyShape = { kind: 'opaque' };

type Definitions = Readonly<Record<string, JsonSchema>>;

/** Deeper than any request of ours; ends schemas that hold themselves. */
const MAX_DEPTH = 16;

function shape(held: JsonSchema, definitions: Definitions, depth: number): KeyShape {
  if (depth > MAX_DEPTH) return OPAQUE;
  const inner = (next: JsonSchema) => shape(next, definitions, depth + 1);
  const schema = held.$ref === undefined ? held : (definitions[held.$ref.replace('#/$defs/', '')] ?? {});
  const alternatives = schema.anyOf?.filter((option) => option.type !== 'null');
  if (alternatives?.length === 1) return inner(alternatives[0] as JsonSchema);
  const type = Array.isArray(schema.type) ? schema.type.find((name) => name !== 'null') : schema.type;
  if (type === 'object' && schema.properties && Object.keys(schema.properties).length > 0) {
    return {
      kind: 'object',
      keys: Object.fromEntries(Object.entries(schema.properties).map(([key, value]) => [key, inner(value)])),
    };
  }
  if (type === 'array' && schema.items) return { kind: 'array', of: inner(schema.items) };
  if (type === 'integer' || type === 'number') return { kind: 'number' };
  if (type === 'string' || type === 'boolean') return { kind: type };
  return OPAQUE;
}

/** The keys that a schema declares. Free-form objects stay opaque: normalisation never looks into them. */
export function keyShape(schema: z.ZodType): KeyShape {
  const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', reused: 'inline' });
  return shape(json as JsonSchema, (json as { $defs?: Definitions }).$defs ?? {}, 0);
}
