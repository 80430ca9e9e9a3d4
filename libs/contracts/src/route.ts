import type { Role } from '@nexus/kernel';
import type { ServiceName } from './event.js';

/** Which keys a request declares, so that normalisation touches those and no others. */
export type KeyShape =
  | { readonly kind: 'object'; readonly keys: Readonly<Record<string, KeyShape>> }
  | { readonly kind: 'array'; readonly of: KeyShape }
  | { readonly kind: 'string' | 'number' | 'boolean' }
  /** Not looked into: free-form data, unions. */
  | { readonly kind: 'opaque' };

/** To whom an answer may be shown again. */
export type CacheAudience = 'public' | 'user' | 'role';

/** What the policy chain knows of a route before the service sees the request. */
/** How answers of a route are kept. All times are in seconds. */
export interface CacheRule {
  readonly audience: CacheAudience;
  readonly ttlSeconds?: number;
  readonly tags: readonly string[];
  /** So long after its life an answer is still given while one request makes it anew (RFC 5861 §3). */
  readonly staleWhileRevalidateSeconds?: number;
  /** So long after its life it is given where it cannot be made anew (RFC 5861 §4). */
  readonly staleIfErrorSeconds?: number;
  /** So long it is kept that there is no such thing, or none that the caller may know of. */
  readonly notFoundSeconds?: number;
}

export interface RoutePolicy {
  readonly service: ServiceName;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Full public path with `{name}` parameters. */
  readonly path: string;
  /** Unique name, also the OpenAPI operationId. */
  readonly operation: string;
  readonly access: { readonly public: boolean; readonly roles: readonly Role[]; readonly scopes: readonly string[] };
  readonly limits: { readonly bodyBytes: number; readonly timeoutMs: number };
  readonly consumes: 'none' | 'json' | 'stream';
  readonly produces: 'json' | 'binary' | 'sse' | 'html';
  readonly cache?: CacheRule;
  readonly priority: 'health' | 'sign_in' | 'user_write' | 'user_read' | 'bulk';
  readonly idempotency: 'none' | 'accepted' | 'refused' | 'handler';
  /** Parameters that must be UUIDs: a malformed one is a 400 before any work is done. */
  readonly idParams: readonly string[];
  readonly body?: KeyShape;
  readonly query?: KeyShape;
}
