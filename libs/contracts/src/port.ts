import type { CallContext } from '@nexus/kernel';
import type { z } from 'zod';

/** One method of a port: what goes over the wire, and who may call it how. */
export interface PortMethod<I extends z.ZodType = z.ZodType, O extends z.ZodType = z.ZodType> {
  readonly input: I;
  readonly output: O;
  /** May be repeated after a lost answer without a second effect. */
  readonly idempotent: boolean;
  /** A service acting for itself (job, repair) may call it. */
  readonly serviceActor: boolean;
}

/** A port between services: its wire name and its methods. */
export interface PortDefinition<M extends Record<string, PortMethod> = Record<string, PortMethod>> {
  /** Kebab-case; part of `POST /internal/v1/<name>/<method>`. */
  readonly name: string;
  readonly methods: M;
  /** Members that are no calls but follow a stream of the provider. */
  readonly streams: readonly string[];
}

/** What a provider of the port implements. */
export type PortContract<D> =
  D extends PortDefinition<infer M>
    ? { [K in keyof M]: (ctx: CallContext, input: z.output<M[K]['input']>) => Promise<z.output<M[K]['output']>> }
    : never;

/** An abstract class that is both the injection token and the wire definition of a port. */
export interface PortClass {
  readonly port: PortDefinition;
  readonly prototype: object;
  readonly name: string;
}

/** Declares the wire side of a port. */
export function definePort<const M extends Record<string, PortMethod>>(
  name: string,
  methods: M,
  streams: readonly string[] = [],
): PortDefinition<M> {
  return { name, methods, streams };
}
