import type { IncomingMessage } from 'node:http';
import type { KeyShape } from '@nexus/contracts';
import { errors } from '@nexus/kernel';
import { parse as parseQueryString } from 'fast-querystring';
import type { Exchange } from './exchange.js';
import { normaliseKeys } from './normalise.js';
import { parseForm, parseJson } from './parse-body.js';

type Parser = (body: Buffer, shape: KeyShape | undefined) => unknown;

const DEFAULT_LIMIT_BYTES = 1024 * 1024;
/** `type/subtype` with or without parameters (RFC 9110 §8.3.1). */
const MEDIA_TYPE = /^\s*([\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+)\s*(?:;|$)/;

/** The media type of a `Content-Type`, lower case and without parameters; undefined when it is none. */
export function mediaTypeOf(contentType: string): string | undefined {
  return MEDIA_TYPE.exec(contentType)?.[1]?.toLowerCase();
}

function parserFor(contentType: string, edge: boolean): Parser {
  const mediaType = mediaTypeOf(contentType);
  if (mediaType === 'application/json') {
    return edge ? (body, shape) => normaliseKeys(parseJson(body), shape) : parseJson;
  }
  if (mediaType === 'application/x-www-form-urlencoded' && edge) return parseForm;
  throw errors.unsupported_media_type();
}

/**
 * Whether a request says that a body comes (RFC 9112 §6.3). One that does not is nothing to wait for: its stream tells
 * of no end.
 */
export function carriesBody({ headers }: IncomingMessage): boolean {
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
}

/**
 * The bytes of a body. They are counted as they come, whatever `Content-Length` says.
 * @param maxBytes 0 for the default of 1 MiB
 * @throws AppError `payload_too_large`; `bad_request` when the body breaks off
 */
export function collectBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const limit = maxBytes || DEFAULT_LIMIT_BYTES;
  if (!carriesBody(request)) return Promise.resolve(Buffer.alloc(0));
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const stop = () => {
      request.off('data', onData).off('end', onEnd).off('error', onBroken).off('close', onBroken);
    };
    const onData = (chunk: Buffer) => {
      length += chunk.length;
      if (length <= limit) chunks.push(chunk);
      else {
        stop();
        reject(errors.payload_too_large());
      }
    };
    const onEnd = () => {
      stop();
      // Never a view of the shared block that the socket reads into.
      resolve(Buffer.concat(chunks, length));
    };
    const onBroken = () => {
      stop();
      reject(errors.bad_request());
    };
    request.on('data', onData).on('end', onEnd).on('error', onBroken).on('close', onBroken);
  });
}

/** Whether a request has a body that counts: that of GET and HEAD means nothing (RFC 9110 §9.3.1). */
export function hasBody({ request: { method, headers } }: Exchange): boolean {
  if (method === 'GET' || method === 'HEAD') return false;
  const { 'content-length': length, 'transfer-encoding': coding, 'content-type': type } = headers;
  return coding !== undefined || (length !== undefined && length !== '0') || type !== undefined;
}

/**
 * Reads and parses the body of a request whose route takes no stream. GET and HEAD have none, whatever is sent.
 *
 * @param edge whether requests come from clients: forms and camelCase keys are taken and normalised there only
 * @returns undefined when there is nothing to read
 * @throws AppError `unsupported_media_type`, `payload_too_large`, `invalid_encoding`, `malformed_json`, `bad_request`
 */
export function readBody(exchange: Exchange, edge: boolean): Promise<unknown> | undefined {
  const { request, route } = exchange;
  if (route?.consumes === 'stream' || !hasBody(exchange)) return undefined;
  const parse = parserFor(request.headers['content-type'] ?? '', edge);
  exchange.sayContinue();
  return collectBody(request, route?.limits.bodyBytes ?? 0).then((body) => parse(body, route?.body));
}

/**
 * The query of a request, parsed; a repeated name holds an array.
 * @param edge see {@link readBody}
 */
export function readQuery({ request, route }: Exchange, edge: boolean): Record<string, unknown> {
  const url = request.url ?? '';
  const mark = url.indexOf('?');
  const query = mark < 0 ? {} : (parseQueryString(url.slice(mark + 1)) as Record<string, unknown>);
  return edge && route?.query ? (normaliseKeys(query, route.query) as Record<string, unknown>) : query;
}
