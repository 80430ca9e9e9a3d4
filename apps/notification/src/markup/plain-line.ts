/** Control characters, line ends, and the marks that reorder or hide text. */
const INVISIBLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]+/gu;

/**
 * Text of other people as one short line: it can neither add a line or header nor change how its neighbours read.
 * @param max most characters (code points)
 */
export function plainLine(text: string, max: number): string {
  // Cut first: the rest is never looked at, however long it is.
  const line = text
    .slice(0, max * 8)
    .replace(INVISIBLE, ' ')
    .replace(/\s+/g, ' ')
    .trim();
  const characters = [...line];
  return characters.length <= max && text.length <= max * 8
    ? line
    : `${characters
        .slice(0, max - 1)
        .join('')
        .trimEnd()}…`;
}
