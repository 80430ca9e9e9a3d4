import { remembered } from '@nexus/kernel';
import { isPlain, isSecretKey, REDACTED, scrub } from './redaction.js';

const MAX_PATH = 1_024;
const MAX_PARAMETERS = 32;
const MAX_NAME = 64;
const MAX_KNOWN = 4_096;

/** A request target as it may be logged. */
export interface LoggedUrl {
  readonly path: string;
  /** Parameter names alone, joined by `&`; undefined when there are none. */
  readonly query: string | undefined;
}

/** What a route template says about its paths. */
interface RouteShape {
  /** Text around the parameters; one piece more than there are parameters. */
  readonly fixed: readonly string[];
  /** Segments whose value is a secret: `/files/shared/:token`. */
  readonly secret: readonly number[];
}

const shapes = new Map<string, RouteShape>();

function shapeOf(route: string): RouteShape {
  const known = shapes.get(route);
  if (known) return known;
  const secret: number[] = [];
  const fixed = [''];
  route.split('/').forEach((segment, index) => {
    const parameter = /^[:{](\w+)/.exec(segment)?.[1];
    if (index > 0) fixed.push(`${fixed.pop()}/`);
    if (parameter === undefined) fixed.push(`${fixed.pop()}${segment}`);
    else {
      fixed.push('');
      if (isSecretKey(parameter)) secret.push(index);
    }
  });
  const shape = { fixed, secret };
  if (shapes.size < MAX_KNOWN) shapes.set(route, shape);
  return shape;
}

/**
 * Splits a request target (path and query) and leaves out what may be secret: all parameter values, path segments
 * that the route declares as a token, and whatever looks like one.
 *
 * @param route template with `:name` or `{name}` parameters, when one matched
 */
export function loggedUrl(target: string, route?: string): LoggedUrl {
  const mark = target.indexOf('?');
  let path = target.slice(0, Math.min(mark < 0 ? target.length : mark, MAX_PATH));
  const secret = route === undefined ? [] : shapeOf(route).secret;
  if (secret.length > 0) {
    const segments = path.split('/');
    for (const index of secret) if (segments[index]) segments[index] = REDACTED;
    path = segments.join('/');
  }
  const query = mark < 0 ? undefined : parameterNames(target, mark + 1);
  return { path: scrub(path), query: query === undefined ? undefined : scrub(query) };
}

/** The result of {@link loggedUrl} when nothing but values is left out and nothing needs escaping; else undefined. */
export function plainUrl(target: string, route?: string): LoggedUrl | undefined {
  if (target.length > MAX_PATH) return undefined;
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  if (route === undefined) {
    if (!isPlain(path)) return undefined;
  } else {
    const shape = shapeOf(route);
    if (shape.secret.length > 0 || !(isPlainPath(path, shape) || isPlain(path))) return undefined;
  }
  if (mark < 0) return { path, query: undefined };
  const query = parameterNames(target, mark + 1);
  return query === undefined || isPlainQuery(query) ? { path, query } : undefined;
}

const ID = /^[0-9a-f-]{0,64}$/;

/** True when the path is the route's own text (which its owner has checked) and ids; false when in doubt. */
function isPlainPath(path: string, { fixed }: RouteShape): boolean {
  let at = 0;
  for (let i = 0; i < fixed.length; i++) {
    const text = fixed[i] as string;
    if (!path.startsWith(text, at)) return false;
    at += text.length;
    if (i === fixed.length - 1) break;
    const slash = path.indexOf('/', at);
    const end = slash < 0 ? path.length : slash;
    if (!ID.test(path.slice(at, end))) return false;
    at = end;
  }
  return at === path.length;
}

function parameterNames(target: string, start: number): string | undefined {
  let names = '';
  let at = start;
  for (let count = 0; at < target.length && count < MAX_PARAMETERS; count++) {
    let end = target.indexOf('&', at);
    if (end < 0) end = target.length;
    const equals = target.slice(at, Math.min(end, at + MAX_NAME + 1)).indexOf('=');
    // Without `=` there is no telling a name from a value, as in `?<token>`.
    if (end > at) names += (names === '' ? '' : '&') + (equals > 0 ? target.slice(at, at + equals) : '*');
    at = end + 1;
  }
  return names === '' ? undefined : names;
}

/** The few combinations of names that clients really send. */
const isPlainQuery = remembered(isPlain, { entries: MAX_KNOWN, length: MAX_NAME });
