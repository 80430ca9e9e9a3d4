import 'reflect-metadata';
// Before anything of Nest: its inner modules expect it, and only its main entry brings it.
import 'reflect-metadata';
import type { Type } from '@nestjs/common';
import { PATH_METADATA, ROUTE_ARGS_METADATA, RouteParamtypes } from '@nestjs/common/internal';
import { accessOf } from '@nexus/auth-guards';
import type { RoutePolicy, ServiceName } from '@nexus/contracts';
import type { z } from 'zod';
import { type EndpointMetadata, endpointOf } from './endpoint.decorator.js';
import { keyShape } from './key-shape.js';

/** A route as its decorators tell it: the policy for the chain, the rest for the docs. */
export interface ReflectedRoute {
  readonly policy: RoutePolicy;
  readonly endpoint: EndpointMetadata;
  readonly schemas: { readonly body?: z.ZodType; readonly query?: z.ZodType; readonly params?: z.ZodType };
}

const DEFAULT_BODY_BYTES = 1024 * 1024;
const DEFAULT_TIMEOUT_MS = 10_000;

interface ArgMetadata {
  readonly schema?: z.ZodType;
}

function schemasOf(controller: Type, handler: string): ReflectedRoute['schemas'] {
  const args = (Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, handler) ?? {}) as Record<string, ArgMetadata>;
  const of = (type: RouteParamtypes) => Object.entries(args).find(([key]) => key.startsWith(`${type}:`))?.[1].schema;
  const body = of(RouteParamtypes.BODY);
  const query = of(RouteParamtypes.QUERY);
  const params = of(RouteParamtypes.PARAM);
  return { ...(body ? { body } : {}), ...(query ? { query } : {}), ...(params ? { params } : {}) };
}

function fullPath(controller: Type, path: string): string {
  const base = Reflect.getMetadata(PATH_METADATA, controller) as string | string[];
  const prefix = Array.isArray(base) ? (base[0] ?? '') : base;
  const joined = [prefix, path]
    .flatMap((part) => part.split('/'))
    .filter((part) => part !== '')
    .map((part) => (part.startsWith(':') ? `{${part.slice(1)}}` : part))
    .join('/');
  return `/${joined}`;
}

function priorityOf(method: RoutePolicy['method'], stream: boolean): RoutePolicy['priority'] {
  if (stream) return 'bulk';
  return method === 'GET' ? 'user_read' : 'user_write';
}

function policy(
  service: ServiceName,
  controller: Type,
  handler: object,
  route: Omit<ReflectedRoute, 'policy'>,
): RoutePolicy {
  const { endpoint, schemas } = route;
  const access = accessOf(controller, handler);
  const consumes = endpoint.consumes ?? (schemas.body ? 'json' : 'none');
  const produces = endpoint.produces ?? 'json';
  const path = fullPath(controller, endpoint.path);
  const stream = consumes === 'stream' || produces === 'binary' || produces === 'sse';
  const keyed = (endpoint.method === 'POST' || endpoint.method === 'PATCH') && !access.public;
  return {
    service,
    method: endpoint.method,
    path,
    operation: endpoint.operation,
    access,
    limits: {
      bodyBytes: endpoint.maxBodyBytes ?? (consumes === 'stream' ? 0 : DEFAULT_BODY_BYTES),
      timeoutMs: endpoint.timeoutMs ?? (stream ? 0 : DEFAULT_TIMEOUT_MS),
    },
    consumes,
    produces,
    ...(endpoint.cache ? { cache: endpoint.cache } : {}),
    priority: endpoint.priority ?? (endpoint.unlimited ? 'health' : priorityOf(endpoint.method, stream)),
    idempotency: endpoint.idempotency ?? (keyed ? 'accepted' : 'none'),
    idParams: [...path.matchAll(/\{((?:id|[a-z_]+_id))\}/g)].map((match) => match[1] as string),
    ...(schemas.body ? { body: keyShape(schemas.body) } : {}),
    ...(schemas.query ? { query: keyShape(schemas.query) } : {}),
  };
}

/** Every route of a service's controllers. @throws Error for a route that was not made with `@Endpoint` */
export function reflectRoutes(service: ServiceName, controllers: readonly Type[]): ReflectedRoute[] {
  const routes: ReflectedRoute[] = [];
  for (const controller of controllers) {
    const prototype = controller.prototype as Record<string, unknown>;
    for (const name of Object.getOwnPropertyNames(prototype)) {
      const handler = name === 'constructor' ? undefined : prototype[name];
      if (typeof handler !== 'function') continue;
      const endpoint = endpointOf(handler);
      if (!endpoint) {
        if (Reflect.hasMetadata(PATH_METADATA, handler))
          throw new Error(`${controller.name}.${name} is a route without @Endpoint`);
        continue;
      }
      const route = { endpoint, schemas: schemasOf(controller, name) };
      routes.push({ ...route, policy: policy(service, controller, handler, route) });
    }
  }
  return routes;
}
