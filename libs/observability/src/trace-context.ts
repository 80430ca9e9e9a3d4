import { randomHex, type TraceContext } from '@nexus/kernel';

/** What a `traceparent` header says (W3C Trace Context, level 1, §3.2). */
export interface Traceparent {
  readonly traceId: string;
  /** Span of the caller. */
  readonly parentId: string;
  readonly sampled: boolean;
}

const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?:-[^\n]*)?$/;
const V00_LENGTH = 55;
const MAX_TRACEPARENT = 256;
const NO_TRACE = '0'.repeat(32);
const NO_SPAN = '0'.repeat(16);

/** How a header arrives: several of one name come as a list. */
export type HeaderValue = string | readonly string[] | undefined;

/**
 * Reads a `traceparent` header (W3C Trace Context, level 1, §3.2.2 and §4): version ff, upper-case digits and all-zero
 * ids are invalid; of a version after 00 the known beginning is read.
 *
 * @returns undefined for anything that is not valid; never throws
 */
export function parseTraceparent(header: HeaderValue): Traceparent | undefined {
  // More than one header is as good as none (§3.2).
  const text = typeof header === 'string' ? header : header?.length === 1 ? header[0] : undefined;
  if (typeof text !== 'string' || text.length < V00_LENGTH || text.length > MAX_TRACEPARENT) return undefined;
  if (!TRACEPARENT.test(text)) return undefined;
  const version = text.slice(0, 2);
  if (version === 'ff' || (version === '00' && text.length > V00_LENGTH)) return undefined;
  const traceId = text.slice(3, 35);
  const parentId = text.slice(36, 52);
  if (traceId === NO_TRACE || parentId === NO_SPAN) return undefined;
  return { traceId, parentId, sampled: (Number.parseInt(text.slice(53, 55), 16) & 1) === 1 };
}

const MAX_TRACESTATE = 512;
const MAX_MEMBERS = 32;
/** §3.3.1.3.1: a simple key, or tenant and system. */
const KEY = /^(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})$/;
/** §3.3.1.3.2: printable ASCII without comma and equals sign, not ending in a blank. */
const VALUE = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

/**
 * Reads a `tracestate` header (§3.3); several headers count as one list.
 *
 * @returns the list without blanks around its members, or undefined when it is empty, longer than 512 characters or
 * not valid; never throws
 */
export function parseTracestate(header: HeaderValue): string | undefined {
  const text = typeof header === 'string' ? header : header?.join(',');
  if (typeof text !== 'string' || text.length === 0 || text.length > MAX_TRACESTATE) return undefined;
  const keys = new Set<string>();
  const members: string[] = [];
  for (const part of text.split(',')) {
    const member = part.replace(/^[ \t]+|[ \t]+$/g, '');
    if (member === '') continue;
    const equals = member.indexOf('=');
    const key = member.slice(0, Math.max(0, equals));
    if (!KEY.test(key) || !VALUE.test(member.slice(equals + 1)) || keys.has(key)) return undefined;
    keys.add(key);
    members.push(member);
  }
  return members.length === 0 || members.length > MAX_MEMBERS ? undefined : members.join(',');
}

function idOf(length: 16 | 32, never: string): string {
  let id = randomHex(length);
  while (id === never) id = randomHex(length);
  return id;
}

/** A new span id: 16 lower-case hex digits, not all zero. */
export function newSpanId(): string {
  return idOf(16, NO_SPAN);
}

/**
 * The trace of the work that begins here: the caller's, with a span id of our own, when its header is valid, else a new
 * one. `tracestate` counts only with a valid `traceparent` (§3.3).
 *
 * @param sampleRoot whether a new trace is to be recorded; a caller's decision is kept
 */
export function startTrace(traceparent?: HeaderValue, tracestate?: HeaderValue, sampleRoot = false): TraceContext {
  const parent = traceparent === undefined ? undefined : parseTraceparent(traceparent);
  if (!parent) return { traceId: idOf(32, NO_TRACE), spanId: newSpanId(), sampled: sampleRoot };
  const { traceId, sampled } = parent;
  const state = tracestate === undefined ? undefined : parseTracestate(tracestate);
  const spanId = newSpanId();
  return state === undefined ? { traceId, spanId, sampled } : { traceId, spanId, sampled, tracestate: state };
}

/** The `traceparent` header of calls that belong to this work: version 00, of the flags only `sampled`. */
export function formatTraceparent(trace: TraceContext): string {
  return `00-${trace.traceId}-${trace.spanId}-0${trace.sampled ? '1' : '0'}`;
}
