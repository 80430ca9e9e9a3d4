import type { PortDefinition } from '@nexus/contracts';
import { DEADLINE_HEADER } from '@nexus/resilience';

/** Headers of a call between services, besides the ones that HTTP and W3C Trace Context define. */
export const wireHeaders = {
  /** Milliseconds that are left when the request leaves: relative, so that clocks need not agree. */
  deadline: DEADLINE_HEADER,
  /** `anonymous` where nobody is signed in. Absent: the user of the token or, without one, the calling service. */
  actor: 'x-nexus-actor',
  /** Address of the client that the call is for. */
  clientAddress: 'x-nexus-client-address',
  /**
   * In the answer to a change: moment of the last change that the process has told all others of. Kept answers that are
   * older may be wrong.
   */
  changes: 'x-nexus-changes',
  /** User-Agent of the client that the call is for. */
  userAgent: 'x-nexus-user-agent',
  /**
   * Code of an error that is an answer of the port. An error without it was given by what stands before the port, and
   * says nothing to the one who asked.
   */
  error: 'x-nexus-error',
  /** Names of the headers that belong to the error, separated by blanks. */
  errorHeaders: 'x-nexus-error-headers',
} as const;

/** `x-nexus-actor` of a call for somebody who is not signed in. */
export const ANONYMOUS_ACTOR = 'anonymous';

/**
 * Media type of a stream and of what its follower says meanwhile: a JSON object per line. The provider tells
 * `{"entry":…}`; to `{"at":…}` it says the same, for as long as it knows that it has told everything; with `{"end":true}`
 * it asks to be left. The follower says `{"seen":n}` when it has taken n entries of this connection, and ends its side
 * when it has followed elsewhere.
 */
export const STREAM_TYPE = 'application/x-ndjson';

/** Where every call and stream between services begins. */
export const INTERNAL_PREFIX = '/internal/v1/';

/** Where a method or stream of a port is answered. */
export function portPath(port: PortDefinition, member: string): string {
  return `${INTERNAL_PREFIX}${port.name}/${member}`;
}

/** No call between services takes longer, whatever its caller says, in ms. */
export const MAX_CALL_MS = 30_000;
/** Largest input of a call, in bytes of JSON. */
export const MAX_INPUT_BYTES = 1024 * 1024;
/** Largest answer to a call, in bytes. */
export const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
/** Longest line of a stream, in bytes. */
export const MAX_LINE_BYTES = 1024 * 1024;
/** Longest line of a follower, in bytes. */
export const MAX_FOLLOWER_LINE_BYTES = 256;
/** How often a follower asks for a sign of life, in ms. */
export const BEAT_MS = 400;
