/**
 * Names that no declaration may touch. What belongs to a connection (RFC 9110 §7.6.1), to the framing, or says who
 * somebody is, is the gateway's word alone.
 */

const TOKEN = /^[!#$%&'*+.^`|~0-9A-Za-z-]{1,128}$/;
/** Of a connection or of the framing, in both directions. */
const HOP = [
  ...[
    'connection',
    'keep-alive',
    'te',
    'trailer',
    'transfer-encoding',
    'upgrade',
    'content-length',
    'content-encoding',
  ],
  ...['via', 'x-request-id'],
];
const REQUEST = new Set([
  ...HOP,
  ...['host', 'expect', 'max-forwards', 'forwarded', 'x-real-ip', 'traceparent', 'tracestate', 'http2-settings'],
  ...['authorization', 'x-api-key', 'proxy', 'content-type'],
]);
const REQUEST_PREFIXES = ['proxy-', 'x-forwarded-', 'x-nexus-', 'x-user-', 'sec-websocket-'];
/** What the platform's contract gives a meaning to. */
const CONTRACT = new Set([
  ...['accept', 'range', 'idempotency-key', 'cache-control', 'content-digest', 'repr-digest', 'last-event-id'],
  ...['origin', 'cookie', 'content-disposition', 'content-location', 'content-language', 'date'],
]);
const CONTRACT_PREFIXES = ['if-', 'access-control-', 'tus-', 'upload-'];
const ANSWER = new Set([
  ...HOP,
  ...['server', 'date', 'x-powered-by', 'x-content-type-options', 'referrer-policy', 'strict-transport-security'],
]);
const ANSWER_PREFIXES = ['proxy-', 'x-nexus-', 'access-control-', 'ratelimit-', 'sec-websocket-'];

function isIn(name: string, names: ReadonlySet<string>, prefixes: readonly string[]): boolean {
  return names.has(name) || prefixes.some((prefix) => name.startsWith(prefix));
}

/** Whether a declaration may set, remove or rename a field of requests to servers outside the platform. */
export function isFreeRequestField(name: string): boolean {
  return TOKEN.test(name) && !isIn(name.toLowerCase(), REQUEST, REQUEST_PREFIXES);
}

/** As {@link isFreeRequestField}, for requests to the platform's own operations. */
export function isFreeOperationField(name: string): boolean {
  return isFreeRequestField(name) && !isIn(name.toLowerCase(), CONTRACT, CONTRACT_PREFIXES);
}

/** Whether a declaration may set, remove or rename a field of answers. */
export function isFreeAnswerField(name: string): boolean {
  return TOKEN.test(name) && !isIn(name.toLowerCase(), ANSWER, ANSWER_PREFIXES);
}
