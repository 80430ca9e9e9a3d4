import { fileErrors } from '../file.errors.js';

/**
 * One member of a dictionary of byte sequences (RFC 9651 §3.2, §3.3.5), its parameters and the comma after it.
 * Members with another value are let pass: they belong to algorithms that nobody here knows.
 */
const MEMBER =
  /[ \t]*([a-z*][a-z0-9_.*-]*)(?:=(?::([A-Za-z0-9+/=]*):|"(?:[^"\\]|\\.)*"|[^,;" \t]*))?(?:;[^,;"]*(?:"(?:[^"\\]|\\.)*")?)*[ \t]*(?:,|$)/y;
const MAX_LENGTH = 1024;
const SHA256_BYTES = 32;

/**
 * The sha-256 of a `Content-Digest` or `Repr-Digest` field (RFC 9530), as lower-case hex; undefined when the field
 * names only other algorithms, which are ignored.
 *
 * @throws AppError `invalid_digest`
 */
export function sha256Of(field: string | undefined): string | undefined {
  if (field === undefined) return undefined;
  if (field.length > MAX_LENGTH) throw fileErrors.invalid_digest();
  let digest: string | undefined;
  MEMBER.lastIndex = 0;
  while (MEMBER.lastIndex < field.length) {
    const match = MEMBER.exec(field);
    if (!match) throw fileErrors.invalid_digest();
    if (match[1] !== 'sha-256') continue;
    const bytes = Buffer.from(match[2] ?? '', 'base64');
    if (bytes.length !== SHA256_BYTES) throw fileErrors.invalid_digest();
    digest = bytes.toString('hex');
  }
  return digest;
}
