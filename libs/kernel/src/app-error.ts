/** One fault of a request, as the client sees it in `details`. */
export interface ErrorDetail {
  /** Stable machine-readable reason, listed in docs/errors.md. */
  readonly code: string;
  /** Dotted path of the field at fault, where there is one. */
  readonly field?: string;
  readonly message: string;
}

/** What a catalogue holds for a code. */
export interface ErrorDefinition {
  /** HTTP status, 400–599. */
  readonly status: number;
  /** Default sentence for people. A 5xx sentence must say nothing about the inside. */
  readonly message: string;
}

/** What may be added to an error where it is thrown. */
export interface ErrorOptions {
  readonly message?: string;
  readonly field?: string;
  /** Replaces the single detail that is otherwise made from code, field and message. */
  readonly details?: readonly ErrorDetail[];
  /** Response headers, lower-case names (`retry-after`, `allow`, …). */
  readonly headers?: Readonly<Record<string, string>>;
  /** For logs only; never sent to the client. */
  readonly cause?: unknown;
}

/**
 * The only error that carries meaning to a client. Everything else that is thrown is a crash and
 * becomes a 500 that says nothing.
 */
export class AppError extends Error {
  readonly code: string;
  readonly status: number;
  readonly details: readonly ErrorDetail[];
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: string, definition: ErrorDefinition, options: ErrorOptions = {}) {
    super(options.message ?? definition.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.status = definition.status;
    this.headers = options.headers ?? {};
    this.details = options.details ?? [
      options.field === undefined
        ? { code, message: this.message }
        : { code, field: options.field, message: this.message },
    ];
  }
}

/** A code with its definition and the lib or app that owns it. */
export interface CatalogueEntry extends ErrorDefinition {
  readonly code: string;
  readonly owner: string;
}

const catalogue = new Map<string, CatalogueEntry>();

/** Makes an {@link AppError} of one catalogue entry. */
export type ErrorFactory = (options?: ErrorOptions) => AppError;

/**
 * Declares the errors of a lib or an app and returns a factory for each.
 *
 * @throws Error when a code is declared twice: a code is a promise to clients and has one owner.
 * @example
 * export const projectErrors = defineErrors('project', { last_owner: { status: 409, message: 'The last owner cannot leave.' } });
 * throw projectErrors.last_owner();
 */
export function defineErrors<const T extends Record<string, ErrorDefinition>>(
  owner: string,
  definitions: T,
): { readonly [K in keyof T]: ErrorFactory } {
  const factories: Record<string, ErrorFactory> = {};
  for (const [code, definition] of Object.entries(definitions)) {
    const known = catalogue.get(code);
    if (known && known.owner !== owner)
      throw new Error(`Error code ${code} is declared by ${known.owner} and ${owner}`);
    catalogue.set(code, { code, owner, ...definition });
    factories[code] = (options) => new AppError(code, definition, options);
  }
  return factories as { readonly [K in keyof T]: ErrorFactory };
}

/** All declared errors, ordered by status and code; docs/errors.md is made of it. */
export function errorCatalogue(): readonly CatalogueEntry[] {
  return [...catalogue.values()].sort((a, b) => a.status - b.status || a.code.localeCompare(b.code));
}
