import type { RoutePolicy } from '@nexus/contracts';
import type { Changes, DeclaredOperation, DeclaredRoute } from './routes-file.schemas.js';

/** First segments of the platform's own paths, besides those that it serves now. */
const OWN_FIRST = ['', 'health', 'docs', '.well-known', 'internal', 'metrics', 'dev'];
/** The same under `/api/v1`: what the contract names and later versions will serve. */
const OWN_API = ['auth', 'users', 'projects', 'files', 'notifications', 'search', 'analytics', 'openapi.json'];

const PARAMETER = /\{([a-z_]+)\}/g;

/** Names of the parameters of a path, in order. */
export function parametersOf(path: string): string[] {
  return [...path.matchAll(PARAMETER)].map((match) => match[1] as string);
}

/** A path without the names of its parameters: two routes of the same one are two answers to one question. */
function formOf(path: string): string {
  return path.replaceAll(PARAMETER, '{}');
}

/** First segments that are the platform's. */
export interface OwnPaths {
  readonly first: ReadonlySet<string>;
  /** Under `/api/v1`. */
  readonly api: ReadonlySet<string>;
}

/** @param declared the routes of the platform */
export function ownPaths(declared: readonly RoutePolicy[]): OwnPaths {
  const first = new Set(OWN_FIRST);
  const api = new Set(OWN_API);
  for (const { path } of declared) {
    const [, one = '', , three = ''] = path.split('/');
    if (path.startsWith('/api/v1/')) api.add(three);
    else if (one !== 'api') first.add(one);
  }
  return { first, api };
}

/** Why a route may not have its path. */
function placeFault(path: string, own: OwnPaths): string | undefined {
  const [, first = '', second = '', third = ''] = path.split('/');
  const isOpen = (segment: string) => segment.startsWith('{') || segment === '*' || segment === '';
  if (isOpen(first)) return 'must begin with a fixed segment';
  if (own.first.has(first)) return `/${first} belongs to the platform`;
  if (first !== 'api') return undefined;
  if (isOpen(second) || isOpen(third)) return 'must have two fixed segments after /api';
  return second === 'v1' && own.api.has(third) ? `/api/v1/${third} belongs to the platform` : undefined;
}

/** Names that are told two things. */
function contradictions(changes: Changes<unknown> | undefined, at: string, ignoreCase: boolean): string[] {
  const { rename = {}, remove = [], set = {} } = changes ?? {};
  const names = [...Object.keys(rename), ...Object.values(rename), ...remove, ...Object.keys(set)];
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const name of names) {
    const key = ignoreCase ? name.toLowerCase() : name;
    if (seen.has(key)) twice.add(name);
    seen.add(key);
  }
  return [...twice].map((name) => `${at}: ${JSON.stringify(name)} is named more than once`);
}

/** Why an operation cannot be served so. @param declared the operation, where there is such a one */
export function operationFaults(name: string, change: DeclaredOperation, declared: RoutePolicy | undefined): string[] {
  const at = `operations.${name}`;
  if (!declared) return [`${at}: there is no such operation`];
  if (declared.priority === 'health') return [`${at}: probes are served as they are`];
  const faults = contradictions(change.request?.headers, `${at}.request.headers`, true);
  const { timeoutMs, bodyBytes } = declared.limits;
  if (change.off && (change.timeout_ms ?? change.body_bytes ?? change.request) !== undefined)
    faults.push(`${at}: nothing else can be said of an operation that is off`);
  if (change.timeout_ms !== undefined && timeoutMs === 0)
    faults.push(`${at}.timeout_ms: it is a stream, which has no time-out`);
  else if ((change.timeout_ms ?? 0) > timeoutMs)
    faults.push(`${at}.timeout_ms: its service gives up after ${timeoutMs} ms`);
  if (change.body_bytes !== undefined && declared.consumes !== 'json')
    faults.push(`${at}.body_bytes: it takes no JSON body`);
  else if (bodyBytes > 0 && (change.body_bytes ?? 0) > bodyBytes)
    faults.push(`${at}.body_bytes: its service takes no more than ${bodyBytes}`);
  return faults;
}

function pathFaults({ path, strip_prefix: prefix, rewrite }: DeclaredRoute, at: string): string[] {
  const faults: string[] = [];
  const names = parametersOf(path);
  if (new Set(names).size !== names.length) faults.push(`${at}.path: a parameter comes twice`);
  if (prefix !== undefined && rewrite !== undefined) faults.push(`${at}: strip_prefix and rewrite exclude each other`);
  if (prefix !== undefined) {
    const fixed = path.split(/\/(?:\{|\*)/, 1)[0] as string;
    if (prefix.endsWith('/') || !(fixed === prefix || fixed.startsWith(`${prefix}/`)))
      faults.push(`${at}.strip_prefix: must be whole segments at the beginning of ${fixed || '/'}`);
  }
  if (rewrite !== undefined) {
    for (const name of parametersOf(rewrite))
      if (!names.includes(name)) faults.push(`${at}.rewrite: {${name}} is no parameter of the path`);
    if (rewrite.endsWith('/*') && !path.endsWith('/*')) faults.push(`${at}.rewrite: the path has no * at its end`);
  }
  return faults;
}

/** Why a route that is well-formed cannot be. @param at where it stands */
export function routeFaults(route: DeclaredRoute, at: string, own: OwnPaths): string[] {
  const { request, response, events, websocket, methods, consumes, limits } = route;
  const place = placeFault(route.path, own);
  const faults = place === undefined ? [] : [`${at}.path: ${place}`];
  faults.push(
    ...pathFaults(route, at),
    ...contradictions(request.headers, `${at}.request.headers`, true),
    ...contradictions(request.query, `${at}.request.query`, false),
    ...contradictions(request.body, `${at}.request.body`, false),
    ...contradictions(response.headers, `${at}.response.headers`, true),
  );
  if ((events || websocket) && !methods.includes('GET')) faults.push(`${at}.methods: streams are asked for with GET`);
  if (events && response.envelope) faults.push(`${at}: a stream of events has no envelope`);
  if (request.body && consumes !== 'json') faults.push(`${at}.request.body: only a route that consumes json reads it`);
  if (consumes === 'json' && (limits.body_bytes ?? 0) > 64 * 1024 * 1024)
    faults.push(`${at}.limits.body_bytes: JSON is held until it is whole, at most 64 MiB`);
  if (limits.answer_bytes !== undefined && !response.envelope)
    faults.push(`${at}.limits.answer_bytes: only answers with an envelope are held`);
  return faults;
}

/** Routes that take the same requests, or have the same name. @param routes in their order; absent what is none */
export function rivalFaults(routes: readonly (DeclaredRoute | undefined)[]): string[] {
  const faults: string[] = [];
  const names = new Map<string, number>();
  const places = new Map<string, number>();
  for (const [i, route] of routes.entries()) {
    if (!route) continue;
    const { name, path, methods } = route;
    const namesake = names.get(name);
    if (namesake !== undefined) faults.push(`routes[${i}].name: routes[${namesake}] has it, too`);
    else names.set(name, i);
    const form = formOf(path);
    for (const method of methods) {
      const place = `${method} ${form}`;
      const other = places.get(place);
      if (other !== undefined) faults.push(`routes[${i}].path: routes[${other}] takes ${method} there, too`);
      else places.set(place, i);
    }
  }
  return faults;
}
