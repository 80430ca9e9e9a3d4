import type { IncomingMessage } from 'node:http';
import { MAX_INPUT_BYTES } from '@nexus/clients';
import { parseJson } from '@nexus/http';
import { errors } from '@nexus/kernel';

const JSON_TYPE = /^application\/json *(?:; *charset=(?:"utf-8"|utf-8) *)?$/i;

/** Rejects with what `request` ends with, if it ends before its body does. */
function bytesOf(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= MAX_INPUT_BYTES) {
        chunks.push(chunk);
        return;
      }
      request.removeAllListeners('data');
      request.pause();
      chunks.length = 0;
      reject(errors.payload_too_large());
    });
    request.once('end', () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size)));
    request.once('error', reject);
    request.once('close', () => {
      if (!request.complete) reject(errors.bad_request());
    });
  });
}

/**
 * Reads the JSON body of a call, at most 1 MiB.
 * @throws AppError `unsupported_media_type`, `payload_too_large`, `invalid_encoding`, `malformed_json`; `bad_request`
 * when the caller went away before the end
 */
export async function readInput(request: IncomingMessage): Promise<unknown> {
  const { 'content-type': type, 'content-encoding': coding, 'content-length': length } = request.headers;
  if (type === undefined || !JSON_TYPE.test(type) || coding !== undefined) throw errors.unsupported_media_type();
  if (Number(length ?? 0) > MAX_INPUT_BYTES) throw errors.payload_too_large();
  return parseJson(await bytesOf(request));
}
