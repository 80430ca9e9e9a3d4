import type { Socket } from 'node:net';
import type { Type } from '@nestjs/common';
import type { ServiceName } from '@nexus/contracts';
import { peerServices, type TlsMaterial } from '@nexus/resilience';
import type { Composition } from './compose.js';
import type { PortToken } from './define-service.js';
import type { InternalPort } from './internal/internal-calls.js';
import { localPort } from './local-port.js';
import type { Peers } from './peers.js';

/** Finds the instance that Nest made of a provider. */
type Find = (token: Type) => object;

/** One of the process's services that may call the port. */
function callerOf({ services }: Composition, token: PortToken): ServiceName {
  const caller = services.find(({ needs }) => needs.includes(token)) ?? services[0];
  return caller?.name ?? 'gateway';
}

/** Clients of the ports that the picked services need: of a provider in this process, or of another process. */
export function neededPorts(composition: Composition, peers: Peers, find: Find) {
  return [...composition.ports].map(([token, source]) => ({
    token,
    client:
      'remote' in source
        ? peers.client(token, source.remote, callerOf(composition, token))
        : localPort(token, () => find(source.local.provider)),
  }));
}

/** The ports of the picked services, for those that run elsewhere. */
export function offeredPorts(composition: Composition, find: Find): InternalPort[] {
  return composition.services.flatMap(({ provides }) =>
    provides.map(({ port, provider, callers }) => ({
      token: port,
      client: localPort(port, () => find(provider)),
      callers,
    })),
  );
}

/**
 * Who calls, by the certificate; a process that holds several services says which of them it is.
 *
 * @param userAgent what the caller says: `nexus-<service>`
 */
export function callingService(
  socket: Socket,
  userAgent: string | undefined,
  material: TlsMaterial | undefined,
): ServiceName | undefined {
  if (!material) return undefined;
  const services = peerServices(socket, material.trustDomain);
  if (services.size === 1) return services.values().next().value;
  const told = /^nexus-([a-z]+)$/.exec(userAgent ?? '')?.[1] as ServiceName | undefined;
  return told !== undefined && services.has(told) ? told : undefined;
}
