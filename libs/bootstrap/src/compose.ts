import { pickTargets } from '@nexus/config';
import { type ServiceName, TokenTrust } from '@nexus/contracts';
import { keepsData, type PortToken, type ProvidedPort, type ServiceDefinition } from './define-service.js';

/** A sentence for the operator; the process ends with it. */
export class CompositionError extends Error {
  constructor(sentence: string) {
    super(sentence);
    this.name = 'CompositionError';
  }
}

/** What a process consists of. */
export interface Composition {
  readonly services: readonly ServiceDefinition[];
  /** Edge processes take requests from clients; internal ones only from the platform. */
  readonly role: 'edge' | 'internal';
  /** For each needed port: the provider in this process, or the service that runs elsewhere and provides it. */
  readonly ports: ReadonlyMap<PortToken, { readonly local: ProvidedPort } | { readonly remote: ServiceName }>;
  /** Services to whom an edge process passes requests on, because they run elsewhere. */
  readonly proxied: readonly ServiceName[];
}

/** `all`, or names of a catalog separated by commas. @throws FlagsError */
export function parseTargets(text: string, catalog: readonly ServiceDefinition[]): ServiceName[] {
  return pickTargets(
    text,
    catalog.map(({ name }) => name),
  );
}

/**
 * Decides who answers each needed port: the local provider if its service is picked, else that service wherever it
 * runs.
 * @throws CompositionError when a port has no provider at all, or its caller is not declared, or a service has messages and
 * no schema
 */
export function compose(targets: readonly ServiceName[], catalog: readonly ServiceDefinition[]): Composition {
  const services = catalog.filter((service) => targets.includes(service.name));
  const ports = new Map<PortToken, { local: ProvidedPort } | { remote: ServiceName }>();
  for (const service of services) {
    const { name, publishes, subscribes, jobs } = service;
    if (!keepsData(service) && publishes.length + subscribes.length + jobs.length > 0)
      throw new CompositionError(`The service ${name} has events or jobs, and no database to keep them in.`);
    // Every process checks tokens itself, so every service needs to know whom to trust.
    for (const port of new Set([...service.needs, TokenTrust])) {
      const owner = catalog.find((other) => other.provides.some((provided) => provided.port === port));
      const provided = owner?.provides.find((candidate) => candidate.port === port);
      if (!owner || !provided)
        throw new CompositionError(`No service provides the port ${port.port.name}, which ${service.name} needs.`);
      if (!provided.callers.includes(service.name))
        throw new CompositionError(
          `The service ${service.name} is no declared caller of the port ${port.port.name} of ${owner.name}.`,
        );
      ports.set(port, services.includes(owner) ? { local: provided } : { remote: owner.name });
    }
  }
  const edge = targets.includes('gateway');
  const elsewhere = catalog.filter((service) => !services.includes(service)).map(({ name }) => name);
  return { services, role: edge ? 'edge' : 'internal', ports, proxied: edge ? elsewhere : [] };
}
