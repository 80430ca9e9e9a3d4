import 'reflect-metadata';
import { applyDecorators, HttpCode, RequestMapping, RequestMethod, SetMetadata } from '@nestjs/common';
import type { RoutePolicy } from '@nexus/contracts';
import type { z } from 'zod';

export const ENDPOINT_KEY = 'nexus:endpoint';

/** One field of a multipart form. */
export interface FormField {
  readonly description: string;
  /** A file, not text. */
  readonly binary?: boolean;
  readonly required?: boolean;
}

/** What a route promises: the policy chain, the docs and the answer are made of it. */
export interface EndpointOptions {
  /** Unique over all services; OpenAPI `operationId`. */
  readonly operation: string;
  /** One line for the docs. */
  readonly summary: string;
  readonly description?: string;
  /** Status of success; 200 by default, 204 without an answer. */
  readonly status?: number;
  /** The `data` of the answer. */
  readonly response?: z.ZodType;
  /** The answer is a list of these, with `page`. The handler returns a `Page`. */
  readonly list?: z.ZodType;
  /** Example of the body for the docs. */
  readonly example?: unknown;
  /** Codes of the catalogue that this route adds to those every route may answer. */
  readonly errors?: readonly string[];
  /** `Location` of what was created. */
  readonly location?: (data: never) => string;
  readonly cache?: RoutePolicy['cache'];
  /** By default `accepted` on POST and PATCH for signed-in callers; `refused` where secrets are returned. */
  readonly idempotency?: RoutePolicy['idempotency'];
  readonly priority?: RoutePolicy['priority'];
  /** Bytes; 1 MiB by default for JSON, unlimited (0) for streams. */
  readonly maxBodyBytes?: number;
  /** Longest work on a request, in ms; 10 s by default, none (0) for streams. */
  readonly timeoutMs?: number;
  readonly consumes?: RoutePolicy['consumes'];
  readonly produces?: RoutePolicy['produces'];
  /** Media types for the docs where the body or the answer is not JSON. */
  readonly mediaTypes?: { readonly request?: string; readonly response?: string };
  /** Fields of a multipart form, for the docs. */
  readonly form?: Readonly<Record<string, FormField>>;
  /** Further successful statuses, for the docs: one sentence each. */
  readonly alsoAnswers?: Readonly<Record<number, string>>;
  /** Request headers that this route reads besides the common ones: name to one sentence. */
  readonly requestHeaders?: Readonly<Record<string, string>>;
  /** Part of the platform but not of the API: left out of the docs. */
  readonly hidden?: boolean;
  /** Takes part in no rate limit (probes). */
  readonly unlimited?: boolean;
}

/** {@link EndpointOptions} with the method and path of the route. */
export interface EndpointMetadata extends EndpointOptions {
  readonly method: RoutePolicy['method'];
  readonly path: string;
}

const METHODS: Record<RoutePolicy['method'], RequestMethod> = {
  GET: RequestMethod.GET,
  POST: RequestMethod.POST,
  PUT: RequestMethod.PUT,
  PATCH: RequestMethod.PATCH,
  DELETE: RequestMethod.DELETE,
};

/** Success status of an endpoint. */
export function successStatus(endpoint: EndpointOptions): number {
  if (endpoint.status !== undefined) return endpoint.status;
  const answers = endpoint.response ?? endpoint.list;
  return answers || (endpoint.produces ?? 'json') !== 'json' ? 200 : 204;
}

/**
 * A route of the API. Replaces Nest's `@Get` and its kin, so that path, policy and docs have one source.
 *
 * @param path relative to the controller's, with `:name` parameters
 */
export function Endpoint(method: RoutePolicy['method'], path: string, options: EndpointOptions): MethodDecorator {
  const metadata: EndpointMetadata = { ...options, method, path };
  return applyDecorators(
    RequestMapping({ path, method: METHODS[method] }),
    HttpCode(successStatus(options)),
    SetMetadata(ENDPOINT_KEY, metadata),
  );
}

/** What {@link Endpoint} noted on a handler. */
export function endpointOf(handler: object): EndpointMetadata | undefined {
  return Reflect.getMetadata(ENDPOINT_KEY, handler) as EndpointMetadata | undefined;
}
