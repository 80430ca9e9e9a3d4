import type { Config } from '@nexus/config';
import type { RoutePolicy } from '@nexus/contracts';
import type { Exchange } from '@nexus/http';
import type { Logger } from '@nexus/observability';

/** Takes what the policy chain lets pass. */
type Serve = (exchange: Exchange) => void;

/** A route as an edge process serves it: the declared policy, or another in its place. */
export interface EdgeRoute extends RoutePolicy {
  /** Serves its requests; `next` is who would otherwise. What it throws is answered in the one format. */
  readonly handle?: (exchange: Exchange, next: Serve) => void;
  /** Its requests may ask for another protocol: `request.upgrade` tells those that do from the others. */
  readonly upgrades?: boolean;
  /** `Allow` does not name it. */
  readonly hidden?: boolean;
}

/** A route and what stood in the places of its parameters. */
export interface FoundRoute {
  readonly route: EdgeRoute;
  readonly params: Readonly<Record<string, string | undefined>>;
}

/** Routes besides those of the platform. They are asked only for what no route of the platform has the path of. */
export interface AddedRoutes {
  find(method: string, path: string): FoundRoute | undefined;
  /** Methods that this path takes, without HEAD and OPTIONS. */
  methods(path: string): readonly string[];
}

/** What an edge serves otherwise than declared. It is taken up as a whole. */
export interface RouteChanges {
  /** By operation: served in place of the declared route. */
  readonly overrides: ReadonlyMap<string, EdgeRoute>;
  readonly added: AddedRoutes | undefined;
}

/** What an edge's own routes are made with. */
export interface EdgeRoutesParts {
  readonly config: Config;
  readonly logger: Logger;
  /** By which clients come, as far as this process can tell. */
  readonly protocol: 'http' | 'https';
  /** Every route of the platform that this edge knows. */
  readonly declared: readonly RoutePolicy[];
  /** Takes up other routes for all requests that come from now on; those under way keep the route that they have. */
  readonly replace: (changes: RouteChanges) => void;
}

/** What holds an edge's own routes up to date. */
export interface EdgeRoutes {
  /** Ends the watch and every connection that is kept for later. */
  close(): Promise<void>;
}

/** @throws Error whose message tells an operator why the process cannot start */
export type EdgeRoutesFactory = (parts: EdgeRoutesParts) => EdgeRoutes;
