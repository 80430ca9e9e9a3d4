import { isIP } from 'node:net';
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

/** What of a logger's lines never changes, from the time to the outcome, by the service's name. */
interface Fixed {
  readonly head: string;
  readonly service: string;
  readonly byService: Map<string, string>;
}

const fixedParts = new WeakMap<EcsLogger, Fixed | null>();
const MAX_SERVICES = 64;

/** Fields that a request sets itself must not be bound as well: the slow way merges them. */
function fixedOf(logger: EcsLogger): Fixed | null {
  let fixed = fixedParts.get(logger);
  if (fixed === undefined) {
    const { ecs, own } = logger.bound;
    const plain = own === undefined && Object.keys(ecs).every((key) => key.startsWith('service.'));
    const { 'service.name': service, ...others } = ecs;
    const head = JSON.stringify({ 'ecs.version': ECS_VERSION, ...others }).slice(1, -1);
    fixed = plain && typeof service === 'string' ? { head, service, byService: new Map() } : null;
    fixedParts.set(logger, fixed);
  }
  return fixed;
}

function headOf(fixed: Fixed, service: string): string | undefined {
  const known = fixed.byService.get(service);
  if (known !== undefined) return known;
  if (!isPlainWord(service)) return undefined;
  const head =
    `",${fixed.head},"service.name":"${service}","event.category":["web"],` +
    '"event.dataset":"nexus.access","event.outcome":"';
  if (fixed.byService.size < MAX_SERVICES) fixed.byService.set(service, head);
  return head;
}

/** Words of a small vocabulary: routes, methods, services, cache states, error codes. */
const plainWords = new Map<string, boolean>();
const MAX_WORDS = 4_096;

function isPlainWord(word: string): boolean {
  const known = plainWords.get(word);
  if (known !== undefined) return known;
  const plain = word.length <= MAX_WORD && isPlain(word);
  if (plainWords.size < MAX_WORDS && word.length <= MAX_WORD) plainWords.set(word, plain);
  return plain;
}

/** UUIDs, trace and span ids: nothing that is written so can be a secret or needs escaping. */
const HEX_IDS = /^[0-9a-f-]{0,256}$/;
/** The finished line, or `undefined` when some value needs escaping, cutting or cleaning. */
function fastLine(logger: EcsLogger, level: RecordLevel, request: RequestRecord): string | undefined {
  const fixed = fixedOf(logger);
  const {
    method,
    route = UNMATCHED_ROUTE,
    requestId,
    traceId,
    spanId,
    actorId,
    clientAddress,
    errorCode,
    cache,
  } = request;
  if (fixed === null || !isPlainWord(route) || !isPlainWord(method)) return undefined;
  const url = plainUrl(request.url, request.route);
  if (url === undefined) return undefined;
  const head = headOf(fixed, request.service ?? fixed.service);
  if (head === undefined) return undefined;

  const status = wholeNumber(request.status);
  let ids = requestId;
  let line =
    `{"log.level":"${level}","@timestamp":"${isoTime(logger.clock.now())}${head}` +
    `${request.status < 400 ? 'success' : 'failure'}","event.duration":${nanoseconds(request.durationMicros)},` +
    `"http.request.id":"${requestId}","http.request.method":"${method}","http.response.status_code":${status}`;
  if (request.bytes !== undefined) line += `,"http.response.body.bytes":${wholeNumber(request.bytes)}`;
  line += `,"url.path":"${url.path}"`;
  if (url.query !== undefined) line += `,"url.query":"${url.query}"`;
  if (traceId !== undefined) {
    line += `,"trace.id":"${traceId}"`;
    ids += traceId;
  }
  if (spanId !== undefined) {
    line += `,"span.id":"${spanId}"`;
    ids += spanId;
  }
  if (actorId !== undefined) {
    line += `,"user.id":"${actorId}"`;
    if (!actorId.startsWith('service:')) ids += actorId;
    else if (!isPlainWord(actorId)) return undefined;
  }
  if (!HEX_IDS.test(ids)) return undefined;
  if (clientAddress !== undefined) {
    if (!isAddress(clientAddress)) return undefined;
    line += `,"client.ip":"${clientAddress}"`;
  }
  if (errorCode !== undefined) {
    if (!isPlainWord(errorCode)) return undefined;
    line += `,"error.code":"${errorCode}"`;
  }
  line += `,"nexus":{"route":"${route}"`;
  if (cache !== undefined) {
    if (!isPlainWord(cache)) return undefined;
    line += `,"cache":"${cache}"`;
  }
  return `${line}},"message":"${method} ${route} ${status}"}\n`;
}
