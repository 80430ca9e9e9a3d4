/** Which files an engine is given to build the image from: .dockerignore, read as Docker reads it. */
import { matchesGlob } from 'node:path';

/** @param text of .dockerignore @returns whether a path of the checkout, with forward slashes, is part of the context */
export function contextFilter(text: string): (path: string) => boolean {
  const rules = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => ({ isLetIn: line.startsWith('!'), pattern: line.replace(/^!/, '').replace(/^\/|\/$/g, '') }));
  return (path) => {
    const parts = path.split('/');
    const prefixes = parts.map((_, i) => parts.slice(0, i + 1).join('/'));
    // The last rule that speaks of it, or of a folder it lies in, decides.
    const rule = rules.findLast(({ pattern }) =>
      prefixes.some((prefix) => matchesGlob(prefix, pattern) || isBelowAny(prefix, pattern)),
    );
    return rule === undefined || rule.isLetIn;
  };
}

/** A leading star stands for files whose name begins with a dot, too; Node's own matching leaves them out. */
function isBelowAny(prefix: string, pattern: string): boolean {
  return pattern === '*' && !prefix.includes('/');
}
