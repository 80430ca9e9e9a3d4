import type { ServiceName } from '@nexus/contracts';
import type { z } from 'zod';

/** Durable work of one service for itself. */
export interface JobDefinition<S extends z.ZodType = z.ZodType> {
  /** `<service>.<what>`; also the queue's name. */
  readonly name: string;
  readonly service: ServiceName;
  readonly data: S;
  /** Attempts after the first; waits grow exponentially with jitter from 1 s to 1 h. */
  readonly retries: number;
}

export type JobData<J> = J extends JobDefinition<infer S> ? z.output<S> : never;

/** Declares a job. */
export function defineJob<S extends z.ZodType>(
  service: ServiceName,
  what: string,
  data: S,
  options: { readonly retries?: number } = {},
): JobDefinition<S> {
  return { name: `${service}.${what}`, service, data, retries: options.retries ?? 12 };
}
