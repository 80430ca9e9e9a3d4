import { isIP } from 'node:net';
import { remembered } from '@nexus/kernel';
import { loggedUrl, plainUrl } from './logged-url.js';
import { ECS_VERSION, EcsLogger, isoTime, type Logger, type RecordLevel } from './logger.js';
import { isPlain } from './redaction.js';

/** Which requests get an access line; `errors` means status 400 and above. */
export const REQUEST_LOG_MODES = ['all', 'errors', 'none'] as const;
export type RequestLogMode = (typeof REQUEST_LOG_MODES)[number];

/** Route of requests that no route matched, in logs and metrics. */
export const UNMATCHED_ROUTE = '(unmatched)';

/** One answered request. */
export interface RequestRecord {
  /** Service that answered, when it is not the logger's own. */
  readonly service?: string;
  readonly method: string;
  /** Route template (`/api/v1/projects/:id`); absent when none matched. */
  readonly route?: string;
  /** Request target as received: path and query. Parameter values are never logged. */
  readonly url: string;
  readonly status: number;
  readonly durationMicros: number;
  /** Bytes of the answer's body. */
  readonly bytes?: number;
  readonly requestId: string;
  /** Whether request, trace and span id were made here or checked when they came: digits, `a` to `f` and dashes. */
  readonly idsChecked?: boolean;
  readonly traceId?: string;
  readonly spanId?: string;
  /** User id, or `service:<name>`. */
  readonly actorId?: string;
  /** Client address in canonical text form. */
  readonly clientAddress?: string;
  /** What the cache did: `hit; detail=l1`, `fwd=miss`, … */
  readonly cache?: string;
  /** `details[0].code` of an error answer. */
  readonly errorCode?: string;
}

function levelOf(status: number): RecordLevel {
  return status >= 500 ? 'error' : 'info';
}

function nanoseconds(micros: number): number {
  return micros > 0 && micros < 1e12 ? Math.round(micros * 1000) : 0;
}

const MAX_WORD = 256;
const addresses = new Map<string, boolean>();
const MAX_ADDRESSES = 1_024;

/** ECS types `client.ip` as an address; one bad value and the record is refused where logs are kept. */
function isAddress(text: string | undefined): boolean {
  if (text === undefined) return false;
  const known = addresses.get(text);
  if (known !== undefined) return known;
  const address = isIP(text) !== 0 && !text.includes('%');
  if (addresses.size >= MAX_ADDRESSES) addresses.clear();
  if (text.length <= MAX_WORD) addresses.set(text, address);
  return address;
}

function wholeNumber(value: number): number {
  return Number.isSafeInteger(value) && value > 0 ? value : 0;
}

/** Whether a request gets an access line under `LOG_REQUESTS`. */
export function isLoggedRequest(mode: RequestLogMode, status: number): boolean {
  return mode === 'all' || (mode === 'errors' && !(status < 400));
}

/**
 * Writes the access line of one request: ECS `event.category` web, `event.dataset` nexus.access. A 5xx is logged at
 * `error`, everything else at `info`. The line is put together by hand when nothing in it needs care; otherwise it
 * takes the way of every other record, with the same result.
 */
export function logRequest(logger: Logger, request: RequestRecord): void {
  const level = levelOf(request.status);
  if (!logger.isEnabled(level)) return;
  if (logger instanceof EcsLogger) {
    const line = fastLine(logger, level, request);
    if (line !== undefined) {
      logger.destination.write(line);
      return;
    }
  }
  slowRequestLine(logger, request);
}

/** The same record through {@link Logger}: the reference that the fast way is tested against. */
export function slowRequestLine(logger: Logger, request: RequestRecord): void {
  const { path, query } = loggedUrl(request.url, request.route);
  const route = request.route ?? UNMATCHED_ROUTE;
  logger[levelOf(request.status)](`${request.method} ${route} ${wholeNumber(request.status)}`, {
    'service.name': request.service,
    'event.category': ['web'],
    'event.dataset': 'nexus.access',
    'event.outcome': request.status < 400 ? 'success' : 'failure',
    'event.duration': nanoseconds(request.durationMicros),
    'http.request.id': request.requestId,
    'http.request.method': request.method,
    'http.response.status_code': wholeNumber(request.status),
    'http.response.body.bytes': request.bytes === undefined ? undefined : wholeNumber(request.bytes),
    'url.path': path,
    'url.query': query,
    'trace.id': request.traceId,
    'span.id': request.spanId,
    'user.id': request.actorId,
    [isAddress(request.clientAddress) ? 'client.ip' : 'client.address']: request.clientAddress,
    'error.code': request.errorCode,
    route,
    cache: request.cache,
  });
}

/** What of a logger's lines never changes. */
interface Fixed {
  readonly head: string;
  readonly service: string;
  /** Texts of answers, by what they have in common; so many that no look-up has to put anything together. */
  readonly texts: Map<string, Map<number, Map<string | undefined, AnswerText>>>;
}

/** All that the lines of alike answers share: one piece before what differs, one behind it. */
interface AnswerText {
  readonly service: string;
  readonly method: string;
  readonly errorCode: string | undefined;
  /** From the time to the duration. */
  readonly head: string;
  readonly tail: string;
}

const fixedParts = new WeakMap<EcsLogger, Fixed | null>();
/** Routes, and cache states of each. More means that something else is used as one. */
const MAX_TEXTS = 1_024;

/** Fields that a request sets itself must not be bound as well: the slow way merges them. */
function fixedOf(logger: EcsLogger): Fixed | null {
  let fixed = fixedParts.get(logger);
  if (fixed === undefined) {
    const { ecs, own } = logger.bound;
    const plain = own === undefined && Object.keys(ecs).every((key) => key.startsWith('service.'));
    const { 'service.name': service, ...others } = ecs;
    const head = JSON.stringify({ 'ecs.version': ECS_VERSION, ...others }).slice(1, -1);
    fixed = plain && typeof service === 'string' ? { head, service, texts: new Map() } : null;
    fixedParts.set(logger, fixed);
  }
  return fixed;
}

/** Words of a small vocabulary: routes, methods, services, cache states, error codes. */
function isPlainWord(word: string | undefined): boolean {
  return word === undefined || (word.length <= MAX_WORD && isPlain(word));
}

function child<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let found = map.get(key);
  if (found === undefined) {
    found = make();
    if (map.size < MAX_TEXTS) map.set(key, found);
  }
  return found;
}

/** The text of answers like this one, or `undefined` when some word of it needs escaping. */
function textOf(fixed: Fixed, request: RequestRecord): AnswerText | undefined {
  const { method, route = UNMATCHED_ROUTE, service = fixed.service, cache, errorCode } = request;
  const status = wholeNumber(request.status);
  const byStatus = child(fixed.texts, route, () => new Map<number, Map<string | undefined, AnswerText>>());
  const byCache = child(byStatus, status, () => new Map<string | undefined, AnswerText>());
  const known = byCache.get(cache);
  if (known?.method === method && known.service === service && known.errorCode === errorCode) return known;
  for (const word of [method, route, service, cache, errorCode]) if (!isPlainWord(word)) return undefined;
  const made: AnswerText = {
    service,
    method,
    errorCode,
    head:
      `",${fixed.head},"service.name":"${service}","event.category":["web"],"event.dataset":"nexus.access",` +
      `"event.outcome":"${request.status < 400 ? 'success' : 'failure'}","http.request.method":"${method}",` +
      `"http.response.status_code":${status},"event.duration":`,
    tail:
      `${errorCode === undefined ? '' : `,"error.code":"${errorCode}"`},"nexus":{"route":"${route}"` +
      `${cache === undefined ? '' : `,"cache":"${cache}"`}},"message":"${method} ${route} ${status}"}\n`,
  };
  if (known !== undefined || byCache.size < MAX_TEXTS) byCache.set(cache, made);
  return made;
}

/** UUIDs, trace and span ids: nothing that is written so can be a secret or needs escaping. */
const HEX_ID = /^[0-9a-f-]{0,256}$/;

function isPlainId(id: string | undefined): boolean {
  return id === undefined || HEX_ID.test(id);
}

/** Those who are signed in send many requests each. */
const isPlainActor = remembered((id) => (id.startsWith('service:') ? isPlainWord(id) : isPlainId(id)), {
  entries: 4_096,
  length: 64,
});

/** The finished line, or `undefined` when some value needs escaping, cutting or cleaning. */
function fastLine(logger: EcsLogger, level: RecordLevel, request: RequestRecord): string | undefined {
  const fixed = fixedOf(logger);
  if (fixed === null) return undefined;
  const text = textOf(fixed, request);
  const url = text && plainUrl(request.url, request.route);
  if (text === undefined || url === undefined) return undefined;
  const { requestId, traceId, spanId, actorId, clientAddress, bytes } = request;
  const plain = request.idsChecked || (isPlainId(requestId) && isPlainId(traceId) && isPlainId(spanId));
  if (!plain) return undefined;
  let line =
    `{"log.level":"${level}","@timestamp":"${isoTime(logger.clock.now())}${text.head}` +
    `${nanoseconds(request.durationMicros)},"http.request.id":"${requestId}","url.path":"${url.path}"`;
  if (bytes !== undefined) line += `,"http.response.body.bytes":${wholeNumber(bytes)}`;
  if (url.query !== undefined) line += `,"url.query":"${url.query}"`;
  if (traceId !== undefined) line += `,"trace.id":"${traceId}"`;
  if (spanId !== undefined) line += `,"span.id":"${spanId}"`;
  if (actorId !== undefined) {
    if (!isPlainActor(actorId)) return undefined;
    line += `,"user.id":"${actorId}"`;
  }
  if (clientAddress !== undefined) {
    if (!isAddress(clientAddress)) return undefined;
    line += `,"client.ip":"${clientAddress}"`;
  }
  return line + text.tail;
}
