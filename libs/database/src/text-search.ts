/** Scripts written without spaces: every character is a word of its own. */
const UNSPACED = '\\p{sc=Han}\\p{sc=Hiragana}\\p{sc=Katakana}\\p{sc=Thai}\\p{sc=Lao}\\p{sc=Khmer}\\p{sc=Myanmar}';
const WORD = new RegExp(`(?=[\\p{L}\\p{N}\\p{M}])[${UNSPACED}]|(?:(?![${UNSPACED}])[\\p{L}\\p{N}\\p{M}])+`, 'gu');
const ASCII = /^[\x00-\x7f]*$/;
const ASCII_WORD = /[a-z0-9]+/g;

/** In code points; PostgreSQL takes lexemes of at most 2046 bytes. */
const MAX_WORD = 64;
const MAX_WORDS = 1000;
const MAX_QUERY_WORDS = 16;

/**
 * Case, accents, width and final sigma make no difference (Unicode NFKD, upper and lower mapping; UAX #15). Lower case
 * first, because the capital of sharp s has no upper case.
 */
function fold(text: string): string {
  return text
    .normalize('NFKD')
    .toLowerCase()
    .toUpperCase()
    .toLowerCase()
    .normalize('NFKD')
    .replace(/[\u0300-\u036f]/g, '')
    .replaceAll('ς', 'σ');
}

function words(text: string, most: number): string[] {
  const found = ASCII.test(text) ? text.toLowerCase().match(ASCII_WORD) : fold(text).match(WORD);
  const kept = new Set<string>();
  for (const word of found ?? []) {
    kept.add(word.length <= MAX_WORD ? word : [...word].slice(0, MAX_WORD).join(''));
    if (kept.size === most) break;
  }
  return [...kept];
}

/**
 * The words by which a text is found, without doubles: runs of letters and digits, folded. Store them with
 * `array_to_tsvector($1::text[])`. They are made here and not by PostgreSQL, so that text and query are cut alike
 * whatever the database's locale is, and e-mail addresses and paths are cut into their words.
 */
export function searchWords(text: string): string[] {
  return words(text, MAX_WORDS);
}

/**
 * The `tsquery` that finds texts in which every word of `q` begins a word: `doc.search @@ $1::tsquery`. Nothing in `q`
 * is an operator or a wildcard. At most 16 words count.
 *
 * @returns undefined when `q` holds no word: then nothing is found
 */
export function prefixQuery(q: string): string | undefined {
  const found = words(q, MAX_QUERY_WORDS);
  return found.length === 0 ? undefined : found.map((word) => `'${word}':*`).join(' & ');
}
