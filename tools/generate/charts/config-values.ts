import type { Slice } from '../slice.ts';
import { type Group, type Leaf, leaf, type Schema } from './values-tree.ts';

type Field = Slice['fields'][string];

/** What the templates render themselves, out of other values. */
const RENDERED =
  /^(NEXUS_.*|HOST|PORT|MANAGEMENT_.*|PUBLIC_URL|SHUTDOWN_.*|DATABASE_POOL_.*|GATEWAY_REPLICAS|INTERNAL_TLS|TLS_.*|TRUST_DOMAIN|ADMIN_EMAIL)$/;

/** What the variable's own schema takes, in the words of JSON Schema; it reads text, so that its default tells the form. */
function formOf({ schema }: Field): Schema {
  const { data } = schema.safeParse(undefined);
  if (typeof data === 'boolean') return { type: 'boolean' };
  if (typeof data === 'number') return { type: 'integer' };
  const choices = schema.safeParse('\0').error?.issues[0]?.values;
  return choices ? { type: 'string', enum: choices } : { type: 'string' };
}

function leafOf(field: Field, byDefault: string | number | undefined): Leaf {
  const form = formOf(field);
  const text = byDefault === undefined ? undefined : `${byDefault}`;
  if (text !== undefined && !field.schema.safeParse(text).success)
    throw new Error(`${text} is no value of its variable`);
  return leaf(field.description, byDefault ?? '', form);
}

/**
 * The variables of these slices that an operator may set in plain sight: no secrets, and none that the templates make
 * out of other values. Those in `set` are in values.yaml, so that nobody has to look for them.
 */
export function configGroup(
  about: string,
  slices: readonly Slice[],
  set: Readonly<Record<string, string | number>> = {},
): Group {
  const fields = Object.fromEntries(
    slices
      .flatMap((slice) => Object.entries(slice.fields))
      .filter(([name, field]) => !RENDERED.test(name) && field.secret !== true)
      .map(([name, field]) => [name, leafOf(field, set[name])]),
  );
  const unknown = Object.keys(set).find((name) => !(name in fields));
  if (unknown) throw new Error(`${unknown} is no variable that a chart may set`);
  return { about, fields, set: Object.keys(set), brief: true };
}
