import { isUtf8 } from 'node:buffer';
import { type AppError, errors } from '@nexus/kernel';
import { parse as parseDisposition } from 'content-disposition';
import { fileErrors } from '../file.errors.js';

/** As the parser gives it: lower-case names, values byte by byte. */
export type RawHeader = Readonly<Record<string, readonly string[]>>;

/** What the header of a part says. */
export interface PartHeader {
  readonly name: string;
  /** Undefined for a field; may be empty. */
  readonly filename: string | undefined;
  /** By lower-case name; the first of each. */
  readonly headers: ReadonlyMap<string, string>;
}

/** The parser reads no more fields of one header, and does not say so. */
export const MAX_HEADER_PAIRS = 32;

/** @param message what is wrong, for people */
export function malformed(message?: string): AppError {
  return fileErrors.malformed_multipart(message === undefined ? {} : { message });
}

/** Clients write names in UTF-8 (RFC 7578 §5.1.3). */
function utf8(latin1: string): string {
  const bytes = Buffer.from(latin1, 'latin1');
  if (!isUtf8(bytes)) throw errors.invalid_encoding();
  return bytes.toString('utf8');
}

/**
 * Reads the header of a part of a form (RFC 7578 §4.2, §4.7).
 * @param maxBytes longest that it may be; the parser cuts off what is longer
 * @throws AppError `malformed_multipart`, `invalid_encoding`
 */
export function readPartHeader(raw: RawHeader, maxBytes: number): PartHeader {
  const headers = new Map<string, string>();
  let bytes = 0;
  let pairs = 0;
  for (const [name, values] of Object.entries(raw)) {
    for (const value of values) bytes += name.length + value.length + ': \r\n'.length;
    pairs += values.length;
    headers.set(name, values[0] as string);
  }
  if (bytes > maxBytes || pairs >= MAX_HEADER_PAIRS) throw malformed('The header of a part is too long.');
  const dispositions = raw['content-disposition'] ?? [];
  if (dispositions.length !== 1) throw malformed('A part has no Content-Disposition.');
  const { type, parameters } = parseDisposition(utf8(dispositions[0] as string), { multipart: true });
  const { name, filename } = parameters;
  if (type !== 'form-data' || name === undefined) throw malformed('A part is no named part of a form.');
  const coding = headers.get('content-transfer-encoding')?.trim().toLowerCase() ?? 'binary';
  if (!['7bit', '8bit', 'binary'].includes(coding)) throw malformed('Parts must be sent as they are, not encoded.');
  return { name, filename, headers };
}
