import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { RoutePolicy } from '@nexus/contracts';
import { collectBody, type Exchange, mediaTypeOf, normaliseKeys, parseForm, parseJson, readQuery } from '@nexus/http';
import { errors } from '@nexus/kernel';
import { stringify } from 'fast-querystring';

/** A request's body as it goes on. */
export interface ForwardedBody {
  readonly body: Buffer | Readable | undefined;
  /** Bytes, where a stream says beforehand. */
  readonly length?: string;
  /** What it has become, when it is not what the client sent. */
  readonly contentType?: string;
}

const NOTHING: ForwardedBody = { body: undefined };

/**
 * A client's body on its way to a service, at the speed of the slower of the two. Unlike the request itself it may be
 * destroyed: the client then still gets its answer.
 */
class BodyRelay extends Readable {
  private readonly onData = (chunk: Buffer) => {
    if (!this.push(chunk)) this.request.pause();
  };
  private readonly onEnd = () => {
    // Its close comes next, and what is held here may still be on its way.
    this.detach();
    this.push(null);
  };
  private readonly onBroken = () => void this.destroy(new Error('The client broke off its body'));

  constructor(private readonly request: IncomingMessage) {
    super({ highWaterMark: 64 * 1024 });
    request.on('data', this.onData).on('end', this.onEnd).on('error', this.onBroken).on('close', this.onBroken);
    request.pause();
  }

  override _read(): void {
    this.request.resume();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.detach();
    done(error);
  }

  private detach(): void {
    const { request, onData, onEnd, onBroken } = this;
    request.off('data', onData).off('end', onEnd).off('error', onBroken).off('close', onBroken);
  }
}

/** A key with an upper-case letter, at any depth: only then can there be anything to bring into canonical form. */
const CAMEL_KEY = /"[A-Za-z0-9]*[a-z0-9][A-Z][A-Za-z0-9]*"\s*:/;

function canonicalJson(bytes: Buffer, shape: RoutePolicy['body']): Buffer {
  if (!shape || !CAMEL_KEY.test(bytes.toString('latin1'))) return bytes;
  return Buffer.from(JSON.stringify(normaliseKeys(parseJson(bytes), shape)));
}

async function buffered({ request, route }: Exchange): Promise<ForwardedBody> {
  const type = request.headers['content-type'] ?? '';
  const media = mediaTypeOf(type);
  if (media !== 'application/json' && media !== 'application/x-www-form-urlencoded')
    throw errors.unsupported_media_type();
  const bytes = await collectBody(request, route?.limits.bodyBytes ?? 0);
  if (media === 'application/json') return { body: canonicalJson(bytes, route?.body) };
  const json = JSON.stringify(parseForm(bytes, route?.body));
  return { body: Buffer.from(json), contentType: 'application/json' };
}

/**
 * The body of a request as a service takes it. JSON is held until it is whole, within the route's limit, so that a
 * slow client keeps no connection to a service busy and a broken one does no harm there; forms become JSON and declared
 * keys canonical, and every other byte stays as it is. Streams pass through.
 *
 * @throws AppError `unsupported_media_type`, `payload_too_large`, `malformed_json`, `invalid_encoding`
 */
export function forwardedBody(exchange: Exchange): ForwardedBody | Promise<ForwardedBody> {
  const { request, route } = exchange;
  const { method } = request;
  const { 'content-length': length, 'transfer-encoding': coding, 'content-type': type } = request.headers;
  const empty = coding === undefined && (length === undefined || length === '0');
  if (method === 'GET' || method === 'HEAD') return NOTHING;
  if (route?.consumes === 'stream') {
    if (empty) return NOTHING;
    return { body: new BodyRelay(request), ...(length === undefined ? {} : { length }) };
  }
  if (empty && type === undefined) return NOTHING;
  return buffered(exchange);
}

/** The address at the service: declared names of the query in canonical form, everything else as it came. */
export function forwardedPath(exchange: Exchange): string {
  const url = exchange.request.url ?? '/';
  const mark = url.indexOf('?');
  if (mark < 0 || !exchange.route?.query || !/[a-z0-9][A-Z][A-Za-z0-9]*=/.test(url.slice(mark))) return url;
  const query = stringify(readQuery(exchange, true));
  return query === '' ? url.slice(0, mark) : `${url.slice(0, mark)}?${query}`;
}
