import { z } from 'zod';

const MAX_LENGTH = 255;
/** Control characters, line separators and the marks that reorder text on the screen (`exe.gpj` shown as `jpg.exe`). */
const HIDDEN = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu;

function isUsable(name: string): boolean {
  return name.isWellFormed() && name.search(HIDDEN) < 0 && !/[/\\]/.test(name) && name !== '.' && name !== '..';
}

/** A file's name as it is kept: NFC, no path, nothing that cannot be seen. */
export const fileName = z
  .string()
  .trim()
  .normalize('NFC')
  .min(1)
  .max(MAX_LENGTH)
  .refine(isUsable, { error: 'must be a plain file name without a path or control characters' })
  .meta({ example: 'report.pdf' });

/**
 * The name in what a browser sends as `filename`: its last path segment without what {@link fileName} refuses.
 * Undefined when nothing is left of it. May still be too long.
 */
export function nameOfUpload(filename: string | undefined): string | undefined {
  if (filename === undefined) return undefined;
  const name = filename.toWellFormed().normalize('NFC').replace(HIDDEN, '');
  const last = name.slice(Math.max(name.lastIndexOf('/'), name.lastIndexOf('\\')) + 1).trim();
  return last === '' || last === '.' || last === '..' ? undefined : last;
}
