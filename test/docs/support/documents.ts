import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** The checkout. */
export const ROOT = path.resolve(import.meta.dirname, '../../..');

/** What is said by a page, and where. */
export interface Page {
  /** Path from the checkout. */
  readonly file: string;
  readonly text: string;
}

/** A block of code, also one that belongs to an item of a list. */
const FENCE = /^[ \t]*(```|~~~)[^\n]*\n([\s\S]*?)^[ \t]*\1[ \t]*$/gm;
const COMMENT = /<!--[\s\S]*?-->/g;

export function readPage(file: string): Page {
  return { file, text: readFileSync(path.join(ROOT, file), 'utf8') };
}

/** Pages whose paths match one of the patterns, in order of their names. */
export function pages(...patterns: readonly string[]): Page[] {
  return globSync([...patterns], { cwd: ROOT })
    .sort()
    .map(readPage);
}

/** Its text without code blocks. */
export function prose({ text }: Page): string {
  return text.replace(COMMENT, '').replace(FENCE, '');
}

/** The contents of its code blocks. */
export function blocks({ text }: Page): string[] {
  return [...text.matchAll(FENCE)].map(([, , content]) => content as string);
}

/** What it sets in the type of code within its text. */
export function inlineCode(page: Page): string[] {
  return [...prose(page).matchAll(/`([^`\n]+)`/g)].map(([, code]) => code as string);
}

/** All code of a page, in its text and in blocks. */
export function code(page: Page): string[] {
  return [...inlineCode(page), ...blocks(page)];
}

/** Where its links lead. */
export function links(page: Page): string[] {
  const text = prose(page).replace(/`[^`\n]*`/g, '');
  return [...text.matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g)].map(([, target]) => target as string);
}

/** The anchor of a heading, as code hosts make it. */
function anchorOf(heading: string): string {
  return heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-');
}

/** Anchors that a page has. */
export function anchors(page: Page): Set<string> {
  const found = new Set<string>();
  for (const [, heading] of prose(page).matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)) {
    const anchor = anchorOf(heading as string);
    let name = anchor;
    for (let n = 1; found.has(name); n++) name = `${anchor}-${n}`;
    found.add(name);
  }
  return found;
}

/** Why a link of a page leads nowhere; undefined when it does not, or leaves the checkout. */
export function brokenLink(page: Page, target: string): string | undefined {
  if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return undefined;
  const [name = '', anchor] = decodeURIComponent(target).split('#', 2);
  const file = name === '' ? page.file : path.join(path.dirname(page.file), name);
  if (!existsSync(path.join(ROOT, file))) return `${page.file}: there is no ${file}`;
  if (anchor === undefined || anchors(readPage(file)).has(anchor)) return undefined;
  return `${page.file}: ${file} has no heading #${anchor}`;
}

/** A section with its heading, up to the next one of the same rank. @throws Error when there is none */
export function section({ file, text }: Page, heading: string): string {
  const from = text.indexOf(`\n${heading}\n`);
  if (from < 0) throw new Error(`${file} has no heading "${heading}"`);
  const rank = heading.indexOf(' ');
  const rest = text.slice(from + 1 + heading.length);
  const end = rest.search(new RegExp(`^#{1,${rank}} `, 'm'));
  return end < 0 ? rest : rest.slice(0, end);
}

/** The rows of the first table of a text, without its head; cells trimmed. */
export function tableRows(text: string): string[][] {
  const lines = text.split('\n');
  const from = lines.findIndex((line, n) => line.startsWith('|') && /^\|[\s:|-]+\|$/.test(lines[n + 1] ?? ''));
  if (from < 0) return [];
  const rows = lines.slice(from + 2);
  const end = rows.findIndex((line) => !line.startsWith('|'));
  return rows.slice(0, end < 0 ? undefined : end).map((line) =>
    line
      .slice(1, line.lastIndexOf('|'))
      .split(/(?<!\\)\|/)
      .map((cell) => cell.replace(/\\\|/g, '|').trim()),
  );
}
