import type { z } from 'zod';

/** One variable of the environment. */
export interface ConfigField<S extends z.ZodType = z.ZodType> {
  /** Reads the text of the variable; `undefined` when it is not set. Defaults belong here. */
  readonly schema: S;
  /** One sentence for docs/config.md. */
  readonly description: string;
  /** Never printed; also read from `<NAME>_FILE`. */
  readonly secret?: boolean;
  /** Default as the docs show it, where it depends on something or is not a literal. */
  readonly defaultText?: string;
}

type Fields = Record<string, ConfigField>;

/** The variables of one lib or app. Values are known by the variable's own name. */
export interface ConfigSlice<F extends Fields = Fields> {
  readonly name: string;
  /** Injection token of the slice's values. */
  readonly token: symbol;
  readonly fields: F;
}

export type ConfigOf<T> =
  T extends ConfigSlice<infer F> ? { readonly [K in keyof F]: z.output<F[K]['schema']> } : never;

/**
 * Declares the configuration of a lib or an app.
 * @example
 * export const mailConfig = defineConfig('mail', { SMTP_URL: { schema: z.url().optional(), description: '…', secret: true } });
 */
export function defineConfig<const F extends Fields>(name: string, fields: F): ConfigSlice<F> {
  return { name, token: Symbol(`config:${name}`), fields };
}
