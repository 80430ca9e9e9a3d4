import type { CacheAudience } from '@nexus/contracts';
import type { Actor } from '@nexus/kernel';

/** What decides whether two requests may have the same answer. */
export interface CacheKeyParts {
  readonly audience: CacheAudience;
  readonly actor: Actor;
  readonly method: string;
  /** Request target in origin form: path and query, as they were received. */
  readonly url: string;
}

const MAX_URL = 2048;
const MAX_PARAMETERS = 64;
const PLAIN_NAME = /^[A-Za-z0-9_.-]+$/;
const FOLDABLE = /[A-Z_.-]/;
/** Nothing a request target may hold (RFC 9112 §3.2); also what separates the parts of a key. */
const CONTROL = /[\u0000-\u0020\u007f]/;

/**
 * The key of an answer, or `undefined` when none may be kept.
 *
 * A key names everyone who may see the answer: all (`public`), callers with the same role and scopes (`role`), or one
 * user with the same role and scopes (`user`). Scopes count, because an answer is served before any guard asks for
 * them. HEAD shares the key of GET. Not cacheable: other methods, an audience the caller is not part of, and an
 * over-long address.
 */
export function cacheKey({ audience, actor, method, url }: CacheKeyParts): string | undefined {
  if ((method !== 'GET' && method !== 'HEAD') || url.length > MAX_URL || CONTROL.test(url)) return undefined;
  const target = canonicalUrl(url);
  if (audience === 'public') return `p\n${target}`;
  if (actor.kind !== 'user') return undefined;
  const scopes = actor.scopes.length === 0 ? '' : actor.scopes.join(' ');
  if (scopes.includes('\n')) return undefined;
  return audience === 'role'
    ? `r\n${actor.role}\n${scopes}\n${target}`
    : `u\n${actor.id}\n${actor.role}\n${scopes}\n${target}`;
}

/** Names that some reading of the query could take for the same one (`pageSize`, `page_size`) keep their order. */
function fold(name: string): string {
  return FOLDABLE.test(name) ? name.replaceAll(/[_.-]/g, '').toLowerCase() : name;
}

/**
 * The address with its query parameters ordered by name; those of one name keep their order, and values are left as
 * they are. A query with names that are encoded, bracketed or otherwise not plain is left alone: what it means depends
 * on who reads it.
 */
export function canonicalUrl(url: string): string {
  const mark = url.indexOf('?');
  if (mark === -1 || !url.includes('&', mark)) return url;
  const query = url.slice(mark + 1);
  if (query.includes(';')) return url;
  const pairs = query.split('&');
  if (pairs.length > MAX_PARAMETERS) return url;
  const named: { readonly name: string; readonly pair: string }[] = [];
  let previous = '';
  let ordered = true;
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    const raw = equals === -1 ? pair : pair.slice(0, equals);
    if (!PLAIN_NAME.test(raw)) return url;
    const name = fold(raw);
    if (name < previous) ordered = false;
    previous = name;
    named.push({ name, pair });
  }
  if (ordered) return url;
  named.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return `${url.slice(0, mark + 1)}${named.map(({ pair }) => pair).join('&')}`;
}
