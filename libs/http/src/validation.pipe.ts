import { StandardSchemaValidationPipe } from '@nestjs/common';
import { type AppError, type ErrorDetail, errors } from '@nexus/kernel';

interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[];
  readonly code?: string;
  readonly keys?: readonly string[];
  readonly input?: unknown;
  readonly origin?: string;
  /** A schema's own rule may name its code of the catalogue: `ctx.addIssue({ code: 'custom', params: { code }, … })`. */
  readonly params?: { readonly code?: unknown };
}

const MAX_DETAILS = 100;

const CODES: Readonly<Record<string, string>> = {
  invalid_type: 'invalid_type',
  too_small: 'too_small',
  too_big: 'too_large',
  invalid_format: 'invalid_format',
};

function dotted(path: Issue['path'], last?: string): string {
  const parts = (path ?? []).map((segment) => String(typeof segment === 'object' ? segment.key : segment));
  if (last !== undefined) parts.push(last);
  return parts.join('.');
}

function details(issue: Issue): ErrorDetail[] {
  if (issue.code === 'unrecognized_keys') {
    return (issue.keys ?? []).map((key) => ({
      code: 'unknown_field',
      field: dotted(issue.path, key),
      message: 'This field is not known here.',
    }));
  }
  const own = issue.code === 'custom' ? issue.params?.code : undefined;
  const missing = issue.code === 'invalid_type' && issue.message.endsWith('received undefined');
  return [
    {
      code: typeof own === 'string' ? own : missing ? 'required' : (CODES[issue.code ?? ''] ?? 'invalid_value'),
      field: dotted(issue.path),
      message: missing ? 'This field is required.' : issue.message,
    },
  ];
}

/** The error for a request that breaks its schema: every fault, each with its dotted path. */
export function validationError(issues: readonly Issue[]): AppError {
  const all = issues.flatMap(details);
  return errors.validation_failed({ details: all.slice(0, MAX_DETAILS) });
}

/** Validates every `@Body({ schema })`, `@Query({ schema })` and `@Param({ schema })` (Standard Schema). */
export class ValidationPipe extends StandardSchemaValidationPipe {
  constructor() {
    super({ exceptionFactory: (issues) => validationError(issues as readonly Issue[]) });
  }
}
