import type { RoutePolicy } from '@nexus/contracts';
import {
  collectBody,
  type Exchange,
  hasBody,
  isCanonical,
  mediaTypeOf,
  normaliseKeys,
  parseForm,
  parseJson,
  readQuery,
} from '@nexus/http';
import { errors } from '@nexus/kernel';
import { stringify } from 'fast-querystring';

/** A request's body as it goes on. */
export interface ForwardedBody {
  readonly body: Buffer | undefined;
  /** What it has become, when it is not what the client sent. */
  readonly contentType?: string;
}

const NOTHING: ForwardedBody = { body: undefined };

/** A key with an upper-case letter, at any depth: only then can there be anything to bring into canonical form. */
const CAMEL_KEY = /"[A-Za-z0-9]*[a-z0-9][A-Z][A-Za-z0-9]*"\s*:/;

function canonicalJson(bytes: Buffer, shape: RoutePolicy['body']): Buffer {
  if (!shape || !CAMEL_KEY.test(bytes.toString('latin1'))) return bytes;
  const value = parseJson(bytes);
  // The inside of free-form fields is the client's own: with no declared key to change, no byte changes.
  return isCanonical(value, shape) ? bytes : Buffer.from(JSON.stringify(normaliseKeys(value, shape)));
}

async function buffered(exchange: Exchange): Promise<ForwardedBody> {
  const { request, route } = exchange;
  const type = request.headers['content-type'] ?? '';
  const media = mediaTypeOf(type);
  if (media !== 'application/json' && media !== 'application/x-www-form-urlencoded')
    throw errors.unsupported_media_type();
  exchange.sayContinue();
  const bytes = await collectBody(request, route?.limits.bodyBytes ?? 0);
  if (media === 'application/json') return { body: canonicalJson(bytes, route?.body) };
  const json = JSON.stringify(parseForm(bytes, route?.body));
  return { body: Buffer.from(json), contentType: 'application/json' };
}

/**
 * The body of a request as a service takes it. JSON is held until it is whole, within the route's limit, so that a
 * slow client keeps no connection to a service busy and a broken one does no harm there; forms become JSON and declared
 * keys canonical, and every other byte stays as it is. Not for streams, which pass through as they come.
 *
 * @throws AppError `unsupported_media_type`, `payload_too_large`, `malformed_json`, `invalid_encoding`
 */
export function forwardedBody(exchange: Exchange): ForwardedBody | Promise<ForwardedBody> {
  return hasBody(exchange) ? buffered(exchange) : NOTHING;
}

/** The address at the service: declared names of the query in canonical form, everything else as it came. */
export function forwardedPath(exchange: Exchange): string {
  const url = exchange.request.url ?? '/';
  const mark = url.indexOf('?');
  if (mark < 0 || !exchange.route?.query || !/[a-z0-9][A-Z][A-Za-z0-9]*=/.test(url.slice(mark))) return url;
  const query = stringify(readQuery(exchange, true));
  return query === '' ? url.slice(0, mark) : `${url.slice(0, mark)}?${query}`;
}
