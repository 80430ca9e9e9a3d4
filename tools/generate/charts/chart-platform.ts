import type { Slice } from '../slice.ts';

/** What charts have to know of a service. */
export interface ChartService {
  readonly name: string;
  readonly port: number;
  /** Whether it has data in PostgreSQL. */
  readonly database: boolean;
  /** Services that it asks. */
  readonly calls: readonly string[];
  /** Systems outside the platform that it talks to. */
  readonly egress: readonly string[];
  /** Its own configuration. */
  readonly slices: readonly Slice[];
}

/** What charts have to know of the platform. */
export interface ChartPlatform {
  readonly version: string;
  readonly services: readonly ChartService[];
  /** The configuration that every process reads. */
  readonly slices: readonly Slice[];
}

interface Port {
  readonly port: unknown;
}

/** The part of a `ServiceDefinition` that is read here. */
export interface DeclaredService {
  readonly name: string;
  readonly port: number;
  readonly database?: unknown;
  readonly provides: readonly Port[];
  readonly needs: readonly unknown[];
  readonly egress: readonly { readonly to: string }[];
  readonly config: readonly Slice[];
}

/**
 * The platform as its services declare it. A need is a call to the service that provides the port; every service asks
 * whom to trust (`trust`); the edge passes requests on to all.
 */
export function chartPlatform(
  version: string,
  catalog: readonly DeclaredService[],
  slices: readonly Slice[],
  trust: unknown,
): ChartPlatform {
  const names = catalog.map(({ name }) => name);
  const ownerOf = (port: unknown): string => {
    const owner = catalog.find(({ provides }) => provides.some((provided) => provided.port === port));
    if (!owner) throw new Error('a port that is needed has no provider');
    return owner.name;
  };
  const services = catalog.map((service): ChartService => {
    const { name, port, database, needs, egress, config } = service;
    const asked = name === 'gateway' ? names : [...needs, trust].map(ownerOf);
    return {
      name,
      port,
      database: database !== undefined,
      calls: names.filter((other) => other !== name && asked.includes(other)),
      egress: egress.map(({ to }) => to),
      slices: config.filter((slice) => !slices.includes(slice)),
    };
  });
  return { version, services, slices };
}
