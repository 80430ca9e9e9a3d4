import type { Type } from '@nestjs/common';
import type { Config, ConfigSlice } from '@nexus/config';
import type { EventDefinition, PortClass, ServiceName } from '@nexus/contracts';
import type { MigrationClass, ServiceDatabase } from '@nexus/database';
import type { Exchange } from '@nexus/http';
import type { JobBinding, Subscription } from '@nexus/messaging';
import type { Logger } from '@nexus/observability';
import type { ServicePool } from '@nexus/resilience';
import type { EdgeRoutesFactory } from './edge-routes.js';

/** An abstract class of `@nexus/contracts` as a value. */
export type PortToken = PortClass & (abstract new (...args: never[]) => object);

/** This service's side of a port. */
export interface ProvidedPort {
  readonly port: PortToken;
  /** Provider in the service's module that implements it. */
  readonly provider: Type;
  /** Services that may call it. */
  readonly callers: readonly ServiceName[];
}

/** One system outside the platform that a service talks to; network policies are made of it. */
export interface Egress {
  readonly to: 'postgres' | 'redis' | 's3' | 'elasticsearch' | 'smtp' | 'sms' | 'push' | 'oidc' | 'webhooks' | 'otlp';
}

/** What requests are passed on with. */
export interface ForwarderParts {
  /** The connections to a service that runs elsewhere. */
  readonly upstream: (service: ServiceName) => ServicePool;
  readonly logger: Logger;
  /** By which clients come, as far as this process can tell. */
  readonly protocol: 'http' | 'https';
  /** Waits until changes that a service has told of up to a moment are known here; absent where nobody tells. */
  readonly changesKnown?: ((service: ServiceName, moment: number) => Promise<void>) | undefined;
}

/** Makes what passes requests on that the policy chain let through. */
export type ForwarderFactory = (parts: ForwarderParts) => (exchange: Exchange) => void;

/** What a service is, as data. The composition root makes a process of any set of them. */
export interface ServiceDefinition {
  readonly name: ServiceName;
  /** Its port when it runs alone. */
  readonly port: number;
  /** The Nest module, loaded only when the service is picked. */
  readonly module: () => Promise<Type>;
  readonly provides: readonly ProvidedPort[];
  readonly needs: readonly PortToken[];
  readonly publishes: readonly EventDefinition[];
  readonly subscribes: readonly Subscription[];
  readonly jobs: readonly JobBinding[];
  /** Its schema in the database; absent for a service without data. */
  readonly database?: {
    readonly entities?: ServiceDatabase['entities'];
    readonly migrations: readonly MigrationClass[];
  };
  readonly config: readonly ConfigSlice[];
  /** Checks over several values of the configuration; each returns a sentence that keeps the process from starting, or nothing. */
  readonly configRules?: readonly ((config: Config) => string | undefined)[];
  readonly egress: readonly Egress[];
  /** How requests reach services that run elsewhere; the edge has it. */
  readonly forwarder?: () => Promise<ForwarderFactory>;
  /** What an edge process serves besides and otherwise than declared; the edge has it. */
  readonly edgeRoutes?: () => Promise<EdgeRoutesFactory>;
}

/** Whether a service has a schema of its own; one that has none publishes nothing, and takes no events and no jobs. */
export function keepsData({ database }: ServiceDefinition): boolean {
  return database !== undefined;
}

/** Declares a service. */
export function defineService(
  definition: Pick<ServiceDefinition, 'name' | 'port' | 'module'> & Partial<ServiceDefinition>,
): ServiceDefinition {
  return { provides: [], needs: [], publishes: [], subscribes: [], jobs: [], config: [], egress: [], ...definition };
}
