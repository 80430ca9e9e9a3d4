import type { Server } from 'node:http';
import { type Config, platformConfig } from '@nexus/config';
import type { RoutePolicy } from '@nexus/contracts';
import type { Exchange } from '@nexus/http';
import { createFront } from './chain/front.js';
import { RouteTable } from './chain/route-table.js';
import type { Composition } from './compose.js';
import { type PolicyParts, policySteps } from './policy.js';

/** One place where the process takes requests; not listening yet. */
export interface Listener {
  /** What to change when the port is taken. */
  readonly setting: string;
  readonly port: number;
  readonly server: Server;
}

/** Takes what the policy chain lets pass. */
export type Handler = (exchange: Exchange) => void;

/**
 * An edge process takes everything on one port. An internal one has a port per picked service, and each serves that
 * service's routes alone, as if it were by itself.
 *
 * @param shared routes of the process itself, served everywhere
 */
export function createListeners(
  composition: Composition,
  config: Config,
  policy: PolicyParts,
  routes: { readonly own: readonly RoutePolicy[]; readonly shared: readonly RoutePolicy[] },
  handler: Handler,
): Listener[] {
  if (composition.role === 'edge') {
    const table = new RouteTable([...routes.shared, ...routes.own]);
    return [
      {
        setting: 'PORT',
        port: config.get(platformConfig).PORT,
        server: createFront(policySteps(policy, table), handler),
      },
    ];
  }
  return composition.services.map(({ name, port }) => {
    const table = new RouteTable([...routes.shared, ...routes.own.filter((route) => route.service === name)]);
    return {
      setting: `--target (${name} has this port)`,
      port,
      server: createFront(policySteps(policy, table), handler),
    };
  });
}
