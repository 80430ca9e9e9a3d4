const LABEL_CHARS = 40;

function label(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > LABEL_CHARS ? `${text.slice(0, LABEL_CHARS)}… (${text.length})` : text;
}

/** Cases for `test.each`, each behind a name of itself that is short enough to print. */
export function labelled<T>(...values: readonly T[]): [string, T][] {
  return values.map((value) => [label(value), value]);
}
