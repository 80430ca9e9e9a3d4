import { types } from 'node:util';

/** Longest stack trace, causes included, in characters. */
export const MAX_STACK = 6_144;
const MAX_CAUSES = 4;

/** A property of a value that may refuse to be read (getters that throw, proxies). */
export function read(from: object, key: string): unknown {
  try {
    return (from as Record<string, unknown>)[key];
  } catch {
    return undefined;
  }
}

/** The value when it is an error, also one of another realm. */
export function asError(value: unknown): object | undefined {
  try {
    return types.isNativeError(value) || value instanceof Error ? value : undefined;
  } catch {
    return undefined;
  }
}

export function textOf(from: object, key: string): string {
  const value = read(from, key);
  return typeof value === 'string' ? value : '';
}

/** `name`, or the class when the name says nothing. */
export function nameOf(error: object): string {
  const name = textOf(error, 'name');
  if (name !== '' && name !== 'Error') return name;
  const made = read(error, 'constructor');
  return (typeof made === 'function' && made.name) || name || 'Error';
}

/** The stack with those of its causes and, for an AggregateError, of its parts; each level bounded. */
export function stackOf(error: object, depth = 0): string {
  const stack = (textOf(error, 'stack') || `${nameOf(error)}: ${textOf(error, 'message')}`).slice(0, MAX_STACK);
  if (depth >= MAX_CAUSES) return stack;
  const parts = [stack];
  const cause = asError(read(error, 'cause'));
  if (cause) parts.push(`Caused by: ${stackOf(cause, depth + 1)}`);
  const errors = read(error, 'errors');
  if (Array.isArray(errors)) {
    for (const item of errors.slice(0, MAX_CAUSES)) {
      const inner = asError(item);
      if (inner) parts.push(`Together with: ${stackOf(inner, MAX_CAUSES)}`);
    }
  }
  return parts.join('\n').slice(0, 2 * MAX_STACK);
}
