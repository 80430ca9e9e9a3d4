import type { RoutePolicy } from '@nexus/contracts';
import type { Exchange } from '@nexus/http';
import createRouter, { type HTTPMethod } from 'find-my-way';
import type { Step } from './chain.js';

const METHODS: readonly HTTPMethod[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
const MAX_PARAM_LENGTH = 512;

/** Finds the policy of a request: the same radix tree that Fastify routes with. */
export class RouteTable {
  private readonly router = createRouter({
    maxParamLength: MAX_PARAM_LENGTH,
    caseSensitive: true,
    ignoreTrailingSlash: false,
  });

  constructor(readonly routes: readonly RoutePolicy[]) {
    for (const route of routes) {
      const path = route.path.replaceAll(/\{([a-z_]+)\}/g, ':$1');
      this.router.on(route.method, path, () => undefined, route);
    }
  }

  find(method: string, path: string): { route: RoutePolicy; params: Record<string, string | undefined> } | undefined {
    const found = this.router.find((method === 'HEAD' ? 'GET' : method) as HTTPMethod, path);
    return found ? { route: found.store as RoutePolicy, params: found.params } : undefined;
  }

  /** Methods that this path takes; empty when there is no such path. */
  allowed(path: string): string[] {
    const methods = METHODS.filter((method) => this.router.find(method, path)) as string[];
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
