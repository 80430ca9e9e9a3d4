import type { IncomingMessage } from 'node:http';
import { MAX_INPUT_BYTES } from '@nexus/clients';
import { collectBody, parseJson } from '@nexus/http';
import { errors } from '@nexus/kernel';

const JSON_TYPE = /^application\/json *(?:; *charset=(?:"utf-8"|utf-8) *)?$/i;

/**
 * Reads the JSON body of a call, at most 1 MiB.
 * @throws AppError `unsupported_media_type`, `payload_too_large`, `invalid_encoding`, `malformed_json`; `bad_request`
 * when the caller went away before the end
 */
export async function readInput(request: IncomingMessage): Promise<unknown> {
  const { 'content-type': type, 'content-encoding': coding, 'content-length': length } = request.headers;
  if (type === undefined || !JSON_TYPE.test(type) || coding !== undefined) throw errors.unsupported_media_type();
  if (Number(length ?? 0) > MAX_INPUT_BYTES) throw errors.payload_too_large();
  return parseJson(await collectBody(request, MAX_INPUT_BYTES));
}
