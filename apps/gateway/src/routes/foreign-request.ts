import { collectBody, type Exchange, mediaTypeOf, writeError } from '@nexus/http';
import { errors } from '@nexus/kernel';
import { requestFields } from '../proxy/request-fields.js';
import { bodyChange } from '../proxy/transform-body.js';
import { fieldsChange, queryChange } from '../proxy/transform-fields.js';
import { pathAtServer } from './foreign-path.js';
import type { DeclaredRoute } from './routes-file.schemas.js';

/** By which the gateway speaks to the platform's own services, and to nobody else. */
const PLATFORM_PREFIX = 'x-nexus-';

/** A request as a server outside the platform gets it. */
export interface ForeignRequest {
  /** Path and query there. @throws AppError `bad_request` for a path that can be read in two ways */
  readonly target: (exchange: Exchange) => string;
  /** Header fields, names and values in turn. */
  readonly fields: (exchange: Exchange) => string[];
  /**
   * The body when it is whole, changed as declared.
   * @throws AppError `unsupported_media_type`, `payload_too_large`, `malformed_json`, `invalid_encoding`
   */
  readonly body: (exchange: Exchange, maxBytes: number) => Promise<Buffer>;
}

function withoutPlatformFields(fields: readonly string[], keepAuthorization: boolean, plain: boolean): string[] {
  const kept: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    if (name.startsWith(PLATFORM_PREFIX) || (name === 'authorization' && !keepAuthorization)) continue;
    // A part of an answer, or a compressed one, could not be put into an envelope.
    if (plain && (name === 'accept-encoding' || name === 'range' || name === 'if-range')) continue;
    kept.push(name, fields[i + 1] as string);
  }
  return kept;
}

/** @param protocol by which clients come */
export function foreignRequest(route: DeclaredRoute, protocol: 'http' | 'https'): ForeignRequest {
  const path = pathAtServer(route);
  const changeQuery = queryChange(route.request.query);
  const changeFields = fieldsChange(route.request.headers);
  const changeBody = bodyChange(route.request.body);
  return {
    target: ({ request }) => {
      const url = request.url ?? '/';
      const mark = url.indexOf('?');
      const target = mark < 0 ? path(url) : path(url.slice(0, mark)) + url.slice(mark);
      return changeQuery?.(target) ?? target;
    },
    fields: (exchange) => {
      const all = requestFields(exchange, protocol);
      const fields = withoutPlatformFields(all, route.pass_authorization, route.response.envelope === true);
      return changeFields?.(fields) ?? fields;
    },
    body: async (exchange, maxBytes) => {
      const media = mediaTypeOf(exchange.request.headers['content-type'] ?? '');
      if (route.consumes === 'json' && media !== 'application/json' && !media?.endsWith('+json'))
        throw errors.unsupported_media_type();
      exchange.sayContinue();
      const bytes = await collectBody(exchange.request, maxBytes);
      return changeBody?.(bytes) ?? bytes;
    },
  };
}

/**
 * Ends a request whose streamed body grows beyond its route's limit. To be called before somebody reads it: what has
 * come stays there for them.
 */
export function limitStream(exchange: Exchange, maxBytes: number): void {
  const { request } = exchange;
  let length = 0;
  request.pause();
  request.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length <= maxBytes) return;
    exchange.close = true;
    writeError(exchange, errors.payload_too_large());
    exchange.cancel();
  });
}
