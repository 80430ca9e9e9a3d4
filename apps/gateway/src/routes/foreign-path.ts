import { errors } from '@nexus/kernel';
import { plainPath } from './path-tree.js';

/** What one server takes for the end of a segment, or for an escape of it, and the next does not. */
const DOUBTFUL = /\/\/|\\|;|%(?:00|2f|3b|5c)|%25(?:00|2e|2f|3b|5c)/i;
const DOT_SEGMENT = /\/\.{1,2}(?:\/|$)/;

/** Makes the path at the server of the path of a request, both with a slash in front and without a query. */
export type PathAtServer = (path: string) => string;

/**
 * A path as it is compared. Whoever stands behind a route may read a path otherwise than the gateway does, so that what
 * was checked is not what is served; what can be read in two ways is refused.
 * @throws AppError `bad_request`
 */
function checked(path: string): string {
  const plain = plainPath(path);
  if (DOUBTFUL.test(plain) || DOT_SEGMENT.test(plain))
    throw errors.bad_request({ message: 'The address is not valid.' });
  return plain;
}

function rewriting(from: string, to: string): PathAtServer {
  const places = new Map(from.split('/').map((segment, i) => [segment, i]));
  const star = places.get('*') ?? 0;
  const pieces = to.split('/').slice(1);
  return (path) => {
    const segments = checked(path).split('/');
    const made = pieces.map((piece) => {
      if (piece === '*') return segments.slice(star).join('/');
      return piece.startsWith('{') ? segments[places.get(piece) ?? 0] : piece;
    });
    return `/${made.join('/')}`;
  };
}

/**
 * What a route's requests are called at the server behind it.
 * @param route its declaration; with neither a prefix to strip nor a path of its own the path goes on byte by byte
 */
export function pathAtServer(route: {
  readonly path: string;
  readonly strip_prefix?: string | undefined;
  readonly rewrite?: string | undefined;
}): PathAtServer {
  const { path: declared, strip_prefix: prefix, rewrite } = route;
  if (rewrite !== undefined) return rewriting(declared, rewrite);
  if (prefix === undefined) {
    return (path) => {
      checked(path);
      return path;
    };
  }
  return (path) => {
    const rest = checked(path).slice(prefix.length);
    return rest === '' ? '/' : rest;
  };
}
