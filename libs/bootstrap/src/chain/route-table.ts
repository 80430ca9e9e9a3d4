import type { RoutePolicy } from '@nexus/contracts';
import type { Exchange } from '@nexus/http';
import { RecentMap } from '@nexus/kernel';
import createRouter, { type HTTPMethod } from 'find-my-way';
import type { FoundRoute, RouteChanges } from '../edge-routes.js';
import type { Step } from './chain.js';

const METHODS: readonly HTTPMethod[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
const MAX_PARAM_LENGTH = 512;
/** Paths whose routes are remembered: what is read is mostly read again. */
const KNOWN_PATHS = 1_024;
const MAX_KNOWN_LENGTH = 256;

type Match = NonNullable<ReturnType<ReturnType<typeof createRouter>['find']>>;

const NO_CHANGES: RouteChanges = { overrides: new Map(), added: undefined };

/**
 * Finds the policy of a request: the same radix tree that Fastify routes with. What is declared stays as it is; changes
 * to it are held beside it and replaced as a whole, between two requests.
 */
export class RouteTable {
  private readonly router = createRouter({
    maxParamLength: MAX_PARAM_LENGTH,
    caseSensitive: true,
    ignoreTrailingSlash: false,
  });
  private changes = NO_CHANGES;
  /** Of GET: what is declared, which never changes. */
  private readonly known = new RecentMap<string, Match>(KNOWN_PATHS);

  constructor(readonly routes: readonly RoutePolicy[]) {
    for (const route of routes) {
      const path = route.path.replaceAll(/\{([a-z_]+)\}/g, ':$1');
      this.router.on(route.method, path, () => undefined, route);
    }
  }

  /** Serves the next request with these changes; requests under way keep the route that they have. */
  replace(changes: RouteChanges): void {
    this.changes = changes;
  }

  find(method: string, path: string): FoundRoute | undefined {
    const asked = method === 'HEAD' ? 'GET' : method;
    const found = asked === 'GET' ? this.matchAgain(path) : this.match(asked, path);
    const { overrides, added } = this.changes;
    if (!found) return added?.find(asked, path);
    const declared = found.store as RoutePolicy;
    const route = overrides.size === 0 ? declared : (overrides.get(declared.operation) ?? declared);
    return { route, params: found.params };
  }

  private matchAgain(path: string): Match | null {
    const known = this.known.get(path);
    if (known !== undefined) return known;
    const found = this.match('GET', path);
    if (found && path.length <= MAX_KNOWN_LENGTH) this.known.set(path, found);
    return found;
  }

  /** A parameter that is empty is none: `/projects/` is no project. */
  private match(method: string, path: string): Match | null {
    const found = this.router.find(method as HTTPMethod, path);
    const mayBeEmpty = found && (path.endsWith('/') || path.includes('//'));
    return mayBeEmpty && Object.values(found.params).includes('') ? null : found;
  }

  /** Methods that this path takes; empty when there is no such path. */
  allowed(path: string): string[] {
    const { overrides, added } = this.changes;
    const methods = METHODS.filter((method) => {
      const found = this.match(method, path);
      return found && !overrides.get((found.store as RoutePolicy).operation)?.hidden;
    }) as string[];
    for (const method of added?.methods(path) ?? []) if (!methods.includes(method)) methods.push(method);
    if (methods.length === 0) return [];
    return [...methods, ...(methods.includes('GET') ? ['HEAD'] : []), 'OPTIONS'];
  }
}

/** The path of a request target, without its query. */
export function pathOf(url: string): string {
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
}

/** Finds the route; a request without one goes on, so that it counts against the limits before its 404. */
export function findRoute(table: RouteTable): Step {
  return (exchange: Exchange) => {
    const { request } = exchange;
    if (exchange.refusal) return 'continue';
    const found = table.find(request.method ?? '', pathOf(request.url ?? '/'));
    if (found) {
      const { timeoutMs } = found.route.limits;
      exchange.route = found.route;
      exchange.params = found.params;
      exchange.deadline = timeoutMs === 0 ? Number.MAX_SAFE_INTEGER : exchange.startedAt + timeoutMs;
    }
    return 'continue';
  };
}
