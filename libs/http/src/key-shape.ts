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

function shape(schema: JsonSchema): KeyShape {
  const alternatives = schema.anyOf?.filter((option) => option.type !== 'null');
  if (alternatives?.length === 1) return shape(alternatives[0] as JsonSchema);
  const type = Array.isArray(schema.type) ? schema.type.find((name) => name !== 'null') : schema.type;
  if (type === 'object' && schema.properties && Object.keys(schema.properties).length > 0) {
    return { kind: 'object', keys: Object.fromEntries(Object.entries(schema.properties).map(([key, value]) => [key, shape(value)])) };
  }
  if (type === 'array' && schema.items) return { kind: 'array', of: shape(schema.items) };
  if (type === 'integer' || type === 'number') return { kind: 'number' };
  if (type === 'string' || type === 'boolean') return { kind: type };
  return OPAQUE;
}

/** The keys that a schema declares. Free-form objects stay opaque: normalisation never looks into them. */
export function keyShape(schema: z.ZodType): KeyShape {
  const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', reused: 'inline' });
  return shape(json as JsonSchema);
}
