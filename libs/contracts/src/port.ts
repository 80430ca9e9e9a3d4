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
  /**
   * Members that are no calls but follow a stream of the provider: `(listener, watch?: StreamWatch) => stop`. What a
   * listener in another process returns to the provider is a promise: kept when that process has taken the entry and
   * all before it, or follows no more. It never rejects.
   */
  readonly streams: readonly string[];
  /** What each stream tells, by its member's name: `POST /internal/v1/<name>/<member>`. */
  readonly entries: Readonly<Record<string, z.ZodType>>;
}

/**
 * How a follower of a stream learns what it cannot see in the entries. A provider that cannot fall silent (it runs in
 * the same process) calls none of these; one that can calls {@link lost} before the first connection already.
 */
export interface StreamWatch {
  /** There is no connection: until the next {@link opened} nothing is told. */
  lost(): void;
  /** From now on everything is told; what happened since {@link lost} was not. */
  opened(): void;
  /**
   * A sign of life, at least twice a second.
   * @param ageMs everything up to so many ms ago was told; 0 unless given
   */
  beat(ageMs?: number): void;
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

/**
 * Declares the wire side of a port.
 * @param entries its streams: the schema of what each tells, by the member's name
 */
export function definePort<const M extends Record<string, PortMethod>>(
  name: string,
  methods: M,
  entries: Readonly<Record<string, z.ZodType>> = {},
): PortDefinition<M> {
  return { name, methods, streams: Object.keys(entries), entries };
}
