import type { Reply } from './reply.js';

export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
export const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
export const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
/** RFC 3339, in UTC and with milliseconds. */
export const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

const WINDOW_SECONDS = 60;
const SUCCESS_KEYS = ['data', 'page', 'request_id', 'success'];
const ERROR_KEYS = ['details', 'error', 'error_code', 'request_id', 'success'];
/** What a 5xx must never let out. */
const INSIDE =
  /\bat .+:\d+:\d+|node_modules|\b(SELECT|INSERT|UPDATE|DELETE) .+ (FROM|INTO|SET) |ECONNREFUSED|postgres|\.ts\b/;

/** How far the rules hold for an answer. */
export interface RuleScope {
  readonly method: string;
  /** Path without query. */
  readonly path: string;
  /** What the request carried as `X-Request-Id`. */
  readonly givenId: string | undefined;
  /** Whether the request could be read as one: what is no HTTP has no caller to count it for. */
  readonly readable: boolean;
}

function fail(reply: Reply, rule: string): never {
  throw new Error(`${reply.summary}\n  breaks the rule: ${rule}\n  headers: ${JSON.stringify([...reply.headers])}`);
}

/** What every answer has, whatever it says. @throws Error naming the rule that is broken */
export function assertRules(reply: Reply, scope: RuleScope): void {
  assertHeaders(reply, scope);
  if (scope.readable && !/^\/health\//.test(scope.path)) assertLimits(reply);
  if (reply.status === 204 || reply.status === 304) {
    if (reply.bytes.length > 0) fail(reply, `${reply.status} has no body`);
    return;
  }
  if (scope.method === 'HEAD') {
    if (reply.bytes.length > 0) fail(reply, 'HEAD is answered without a body');
    return;
  }
  if (reply.status >= 400) {
    assertError(reply);
    return;
  }
  const type = reply.header('content-type') ?? '';
  const wrapped = /^application\/json\b/.test(type) && !isBare(scope.path);
  if (wrapped && reply.status >= 200 && reply.status < 300) assertEnvelope(reply);
}

/** JSON in a format of somebody else's. */
function isBare(path: string): boolean {
  return path === '/api/v1/openapi.json' || path === '/.well-known/jwks.json' || /\/content$/.test(path);
}

function assertHeaders(reply: Reply, { givenId }: RuleScope): void {
  const id = reply.header('x-request-id') ?? '';
  if (!UUID_V4.test(id)) fail(reply, 'X-Request-Id is a UUID v4 on every answer');
  if (givenId !== undefined && UUID_V4.test(givenId) && id !== givenId)
    fail(reply, 'a UUID v4 from the client is kept');
  if (givenId !== undefined && !UUID_V4.test(givenId) && id === givenId) fail(reply, 'other request ids are replaced');
  if (reply.header('x-content-type-options') !== 'nosniff') fail(reply, 'X-Content-Type-Options: nosniff');
  if (!reply.header('referrer-policy')) fail(reply, 'Referrer-Policy');
  for (const name of ['server', 'x-powered-by', 'via']) {
    if (reply.header(name) !== null) fail(reply, `no server banner (${name})`);
  }
  if (reply.header('strict-transport-security') !== null) fail(reply, 'HSTS only when PUBLIC_URL is https');
  if (reply.status === 401 && !reply.header('www-authenticate')) fail(reply, '401 carries WWW-Authenticate');
  if (reply.status === 405 && !reply.header('allow')) fail(reply, '405 carries Allow');
  if (reply.status === 503 && !reply.header('retry-after')) fail(reply, '503 carries Retry-After');
}

function assertLimits(reply: Reply): void {
  const [limit, remaining, reset] = ['limit', 'remaining', 'reset'].map((name) => {
    const text = reply.header(`ratelimit-${name}`) ?? '';
    if (!/^\d+$/.test(text)) fail(reply, `RateLimit-${name} is a number on every answer`);
    return Number(text);
  }) as [number, number, number];
  if (limit < 1) fail(reply, 'RateLimit-Limit is at least 1');
  if (remaining > limit - 1) fail(reply, 'RateLimit-Remaining counts this request');
  if (reset > WINDOW_SECONDS) fail(reply, 'RateLimit-Reset lies within the window');
  if (reply.status === 429 && !/^\d+$/.test(reply.header('retry-after') ?? '')) fail(reply, '429 carries Retry-After');
}

function assertEnvelope(reply: Reply): void {
  const { json } = reply;
  if (json.success !== true) fail(reply, '"success" is true');
  if (!('data' in json)) fail(reply, '"data" is there');
  const stray = Object.keys(json).filter((key) => !SUCCESS_KEYS.includes(key));
  if (stray.length > 0) fail(reply, `nothing else in the envelope (${stray.join(', ')})`);
  if (json.request_id !== reply.header('x-request-id')) fail(reply, 'request_id equals X-Request-Id');
  if (Array.isArray(json.data) !== 'page' in json) fail(reply, 'a list, and only a list, has a page');
  if ('page' in json) {
    const { limit, next_cursor, total } = reply.page;
    if (!Number.isInteger(limit) || !Number.isInteger(total)) fail(reply, 'page.limit and page.total are integers');
    if (next_cursor !== null && typeof next_cursor !== 'string') fail(reply, 'page.next_cursor is a string or null');
    if ((json.data as unknown[]).length > Math.min(limit, total)) fail(reply, 'not more items than limit and total');
  }
}

/** The one error format. */
export function assertError(reply: Reply): void {
  if (!/^application\/json\b/.test(reply.header('content-type') ?? '')) fail(reply, 'an error is JSON');
  const { json } = reply;
  if (json.success !== false) fail(reply, '"success" is false');
  if (typeof json.error !== 'string' || json.error.length < 3) fail(reply, '"error" is a sentence');
  if (json.error_code !== reply.status) fail(reply, 'error_code is the HTTP status');
  if (json.request_id !== reply.header('x-request-id')) fail(reply, 'request_id equals X-Request-Id');
  const stray = Object.keys(json).filter((key) => !ERROR_KEYS.includes(key));
  if (stray.length > 0) fail(reply, `nothing else in an error (${stray.join(', ')})`);
  if (json.details !== undefined) {
    if (!Array.isArray(json.details) || json.details.length === 0) fail(reply, 'details is a list that says something');
    for (const detail of json.details as Record<string, unknown>[]) {
      if (typeof detail.code !== 'string' || !/^[a-z][a-z0-9_]*$/.test(detail.code)) fail(reply, 'a detail has a code');
      if (typeof detail.message !== 'string') fail(reply, 'a detail has a message');
      if (detail.field !== undefined && typeof detail.field !== 'string') fail(reply, 'a field is a dotted path');
    }
  }
  if (reply.status >= 500 && INSIDE.test(reply.text)) fail(reply, 'a 5xx says nothing about the inside');
}
