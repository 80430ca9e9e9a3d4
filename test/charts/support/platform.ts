/** What the code declares of the platform: the charts have to say the same. */
import { compose, type Egress, type ServiceDefinition } from '@nexus/bootstrap';
import type { ServiceName } from '@nexus/contracts';
import { catalog } from '../../../apps/catalog.js';

export { catalog };
export type System = Egress['to'];

export const definitionOf = (name: string): ServiceDefinition => {
  const found = catalog.find((service) => service.name === name);
  if (!found) throw new Error(`${name} is no service`);
  return found;
};

/** Services with a schema in the database. */
export const withDatabase: readonly ServiceName[] = catalog.flatMap(({ name, database }) => (database ? [name] : []));

/** Whom a service calls when it runs alone, as its process is composed: providers of what it needs, and whom it proxies. */
export function callsOf({ name }: ServiceDefinition): ServiceName[] {
  const { ports, proxied } = compose([name], catalog);
  const providers = [...ports.values()].flatMap((port) => ('remote' in port ? [port.remote] : []));
  return [...new Set([...providers, ...proxied])];
}

/** The systems outside that a service declares to talk to. */
export const egressOf = (service: ServiceDefinition): System[] => service.egress.map(({ to }) => to);
