import { AppError, errors } from '@nexus/kernel';
import { retryAfterMs as asksFor, ServicePoolError } from '@nexus/resilience';
import { z } from 'zod';
import type { AnswerHeaders, Outcome } from './attempt.js';
import { wireHeaders } from './wire.js';

/** What a call came to. */
export type Result =
  | { readonly data: unknown }
  | {
      readonly error: Error;
      /** Present when the same call may have luck later: not before so many ms. */
      readonly retryAfterMs?: number;
    };

const CODE = /^[a-z][a-z0-9_]{0,63}$/;
const HEADER_NAME = /^[a-z][a-z0-9-]{0,63}$/;

const errorBody = z.object({
  error: z.string(),
  details: z.array(
    z
      .object({ code: z.string(), field: z.string().optional(), message: z.string() })
      .transform(({ code, field, message }) => (field === undefined ? { code, message } : { code, field, message })),
  ),
});

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

function one(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function errorHeaders(headers: AnswerHeaders): Record<string, string> {
  const own: Record<string, string> = {};
  for (const name of one(headers[wireHeaders.errorHeaders])?.split(' ') ?? []) {
    const value = HEADER_NAME.test(name) ? one(headers[name]) : undefined;
    if (value !== undefined) own[name] = value;
  }
  return own;
}

/** The error that the provider threw; undefined when the answer is none of a port. */
function thrownByProvider(status: number, headers: AnswerHeaders, body: Buffer): AppError | undefined {
  const code = one(headers[wireHeaders.error]);
  if (code === undefined || !CODE.test(code) || status < 400 || status > 599) return undefined;
  const held = errorBody.safeParse(parse(body));
  if (!held.success) return undefined;
  const { error: message, details } = held.data;
  return new AppError(code, { status, message }, { details, headers: errorHeaders(headers) });
}

function useless(what: string, why: string): { readonly error: AppError } {
  return { error: errors.bad_gateway({ cause: new Error(`${what} gave no usable answer: ${why}`) }) };
}

/** Nothing was sent, and it is known that trying again would not help: so much waits already, or the service fails. */
function refusedHere(what: string, cause: unknown): AppError | undefined {
  if (!(cause instanceof ServicePoolError) || !cause.isRefusal) return undefined;
  const headers = { 'retry-after': String(cause.retryAfterSeconds) };
  if (cause.code === 'UPSTREAM_BUSY') return errors.overloaded({ headers, cause });
  return errors.unavailable({ headers, cause: new Error(`${what} is not asked for now`, { cause }) });
}

function unreachable(what: string, cause: unknown): AppError {
  return errors.unavailable({
    headers: { 'retry-after': '1' },
    cause: new Error(`${what} could not be reached`, { cause }),
  });
}

/**
 * What an attempt means to the caller: the data, checked against the contract so that a provider of another version
 * cannot hand in something else, or the very error that the provider threw. What no port can have said becomes
 * `bad_gateway`, a service that is not there `unavailable`, time that is over `timed_out`.
 *
 * @param what port and method, for logs
 */
export function readAnswer(what: string, output: z.ZodType, outcome: Outcome): Result {
  if (outcome.kind === 'given-up') return { error: errors.timed_out() };
  if (outcome.kind === 'oversized') return useless(what, 'it is too large');
  if (outcome.kind === 'failed') {
    const refused = refusedHere(what, outcome.cause);
    return refused ? { error: refused } : { error: unreachable(what, outcome.cause), retryAfterMs: 0 };
  }
  const { status, headers, body } = outcome;
  if (status === 200) {
    const answer = parse(body);
    if (typeof answer !== 'object' || answer === null) return useless(what, 'it is no JSON object');
    const data = output.safeParse((answer as { data?: unknown }).data);
    if (data.success) return { data: data.data };
    // The faults are named without the values: those may be personal.
    return useless(what, data.error.issues.map(({ path, code }) => `${path.join('.')} ${code}`).join(', '));
  }
  const retryAfterMs = status === 503 ? asksFor(headers['retry-after']) : undefined;
  const thrown = thrownByProvider(status, headers, body);
  if (!thrown && (status < 502 || status > 504)) return useless(what, `its status is ${status}`);
  const error = thrown ?? unreachable(what, new Error(`Its status is ${status}`));
  return retryAfterMs === undefined ? { error } : { error, retryAfterMs };
}
