import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';
import type { ConfigOf, ConfigSlice } from './define-config.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** All faults of a configuration, one sentence each. */
export class ConfigError extends Error {
  constructor(readonly faults: readonly string[]) {
    super(`The configuration is not usable: ${faults.join('; ')}.`);
    this.name = 'ConfigError';
  }
}

/** Values of every slice that was loaded. */
export interface Config {
  get<S extends ConfigSlice>(slice: S): ConfigOf<S>;
  readonly slices: readonly ConfigSlice[];
  /** Path of the file that a value came from, for those who read it again; undefined when it was given directly. */
  fileOf(name: string): string | undefined;
  /** Every value as text, secrets masked, for `--print-config`. */
  masked(): Record<string, string>;
}

const MASK = '********';

function read(name: string, env: Environment, faults: string[]): string | undefined {
  const direct = env[name];
  const file = env[`${name}_FILE`];
  if (direct !== undefined && direct !== '') {
    if (file) faults.push(`${name} and ${name}_FILE are both set`);
    return direct;
  }
  if (!file) return undefined;
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    faults.push(`${name}_FILE cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
    return undefined;
  }
}

/**
 * Reads and checks every slice together.
 *
 * @param rules checks over several values; each returns a sentence or nothing
 * @throws ConfigError naming every fault, never a secret's value
 */
export function loadConfig(
  slices: readonly ConfigSlice[],
  env: Environment = process.env,
  rules: readonly ((config: Config) => string | undefined)[] = [],
): Config {
  const faults: string[] = [];
  const values = new Map<ConfigSlice, Record<string, unknown>>();
  const names = new Set(slices.flatMap((slice) => Object.keys(slice.fields)));
  for (const slice of slices) {
    const result: Record<string, unknown> = {};
    for (const [name, field] of Object.entries(slice.fields)) {
      const parsed = field.schema.safeParse(read(name, env, faults));
      if (parsed.success) result[name] = parsed.data;
      else faults.push(`${name}: ${parsed.error.issues.map((issue) => lower(issue.message)).join(', ')}`);
    }
    values.set(slice, result);
  }
  const config: Config = {
    slices,
    get: (slice) => {
      const found = values.get(slice);
      if (!found) throw new Error(`Configuration slice ${slice.name} was not loaded`);
      return found as ConfigOf<typeof slice>;
    },
    fileOf: (name) => {
      const file = env[`${name}_FILE`];
      return names.has(name) && !env[name] && file ? resolve(file) : undefined;
    },
    masked: () => {
      const out: Record<string, string> = {};
      for (const [slice, held] of values) {
        for (const [name, field] of Object.entries(slice.fields)) {
          const value = held[name];
          out[name] =
            value === undefined ? '' : field.secret ? MASK : typeof value === 'string' ? value : JSON.stringify(value);
        }
      }
      return out;
    },
  };
  if (faults.length === 0) {
    for (const rule of rules) {
      const fault = rule(config);
      if (fault) faults.push(fault);
    }
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return config;
}

function lower(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1);
}

/** Field readers: the environment holds text only. */
export const env = {
  string: () => z.string().trim().min(1),
  /** A whole number within bounds, with its default. */
  int: (byDefault: number, bounds: { min?: number; max?: number } = {}) =>
    z
      .string()
      .trim()
      .regex(/^-?\d+$/, 'must be a whole number')
      .transform(Number)
      .pipe(
        z
          .number()
          .min(bounds.min ?? 0)
          .max(bounds.max ?? Number.MAX_SAFE_INTEGER),
      )
      .default(byDefault),
  boolean: (byDefault: boolean) =>
    z
      .enum(['true', 'false', '1', '0'])
      .transform((text) => text === 'true' || text === '1')
      .default(byDefault),
  /** A comma-separated list. */
  list: () =>
    z
      .string()
      .transform((text) =>
        text
          .split(',')
          .map((item) => item.trim())
          .filter((item) => item !== ''),
      )
      .default([]),
};
