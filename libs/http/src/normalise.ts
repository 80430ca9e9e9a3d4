import type { KeyShape } from '@nexus/contracts';

function toSnake(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/**
 * Gives declared keys their canonical snake_case form. A key that is declared as it stands is left alone, and so
 * is one whose canonical form is also present: validation will name it. What the schema leaves open (`metadata`,
 * `data`, preferences) is never looked into.
 */
export function normaliseKeys(value: unknown, shape: KeyShape | undefined): unknown {
  if (!shape || value === null || typeof value !== 'object') return value;
  if (shape.kind === 'array') {
    if (Array.isArray(value)) for (let i = 0; i < value.length; i++) value[i] = normaliseKeys(value[i], shape.of);
    return value;
  }
  if (shape.kind !== 'object' || Array.isArray(value)) return value;
  const record = value as Record<string, unknown>;
  for (const key of Object.keys(record)) {
    let name = key;
    if (!Object.hasOwn(shape.keys, key)) {
      const snake = toSnake(key);
      if (snake !== key && Object.hasOwn(shape.keys, snake) && !Object.hasOwn(record, snake)) {
        record[snake] = record[key];
        delete record[key];
        name = snake;
      }
    }
    const inner = Object.hasOwn(shape.keys, name) ? shape.keys[name] : undefined;
    if (inner) record[name] = normaliseKeys(record[name], inner);
  }
  return record;
}

/** Whether {@link normaliseKeys} would leave a value as it is. */
export function isCanonical(value: unknown, shape: KeyShape | undefined): boolean {
  if (!shape || value === null || typeof value !== 'object') return true;
  if (shape.kind === 'array') return !Array.isArray(value) || value.every((item) => isCanonical(item, shape.of));
  if (shape.kind !== 'object' || Array.isArray(value)) return true;
  const record = value as Record<string, unknown>;
  return Object.keys(record).every((key) => {
    if (Object.hasOwn(shape.keys, key)) return isCanonical(record[key], shape.keys[key]);
    const snake = toSnake(key);
    return snake === key || !Object.hasOwn(shape.keys, snake) || Object.hasOwn(record, snake);
  });
}

function coerce(text: string, shape: KeyShape): unknown {
  if (shape.kind === 'number' && /^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  if (shape.kind === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}

/**
 * Turns a form (`application/x-www-form-urlencoded`) into the JSON body it stands for: declared numbers, booleans
 * and lists get their type, everything else stays text and is judged by validation.
 *
 * @param form parsed form; a repeated name holds an array
 */
export function formToBody(
  form: Readonly<Record<string, string | string[]>>,
  shape: KeyShape | undefined,
): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(form)) body[key] = value;
  const normal = normaliseKeys(body, shape) as Record<string, unknown>;
  if (shape?.kind !== 'object') return normal;
  for (const [key, declared] of Object.entries(shape.keys)) {
    const value = normal[key];
    if (value === undefined) continue;
    if (declared.kind === 'array') {
      const items = Array.isArray(value) ? value : [value];
      normal[key] = items.map((item) => (typeof item === 'string' ? coerce(item, declared.of) : item));
    } else if (typeof value === 'string') normal[key] = coerce(value, declared);
  }
  return normal;
}
