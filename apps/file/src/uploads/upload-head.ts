import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { errors } from '@nexus/kernel';
import { fileErrors } from '../file.errors.js';
import { sha256Of } from './digest-field.js';
import { parseMediaType } from './media-type.js';

/** What the header of an upload says. */
export interface UploadHead {
  readonly boundary: string;
  /** Bytes of the whole body; undefined when it comes in chunks. */
  readonly length: number | undefined;
  /** From `Content-Digest` and `Repr-Digest`, lower-case hex. */
  readonly digests: readonly string[];
  /** `Idempotency-Key` */
  readonly key: string | undefined;
}

function digestsOf(fields: readonly (string | readonly string[] | undefined)[]): string[] {
  return fields
    .map((field) => sha256Of(typeof field === 'object' ? field.join(', ') : field))
    .filter((digest) => digest !== undefined);
}

/** @throws AppError `unsupported_media_type`, `malformed_multipart`, `invalid_digest` */
export function readUploadHead(headers: IncomingHttpHeaders): UploadHead {
  const media = parseMediaType(headers['content-type']);
  const coding = headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  if (media?.type !== 'multipart/form-data' || coding !== 'identity') throw errors.unsupported_media_type();
  const boundary = media.parameters.get('boundary');
  if (boundary === undefined)
    throw fileErrors.malformed_multipart({ message: 'The boundary is missing or not valid.' });
  const length = headers['content-length'];
  const key = headers['idempotency-key'];
  return {
    boundary,
    length: length === undefined ? undefined : Number(length),
    digests: digestsOf([headers['content-digest'], headers['repr-digest']]),
    key: typeof key === 'string' ? key : undefined,
  };
}

/** Digests in the header of the file's part. @throws AppError `invalid_digest` */
export function digestsOfPart(headers: ReadonlyMap<string, string>): string[] {
  return digestsOf([headers.get('content-digest'), headers.get('repr-digest')]);
}

/**
 * What tells one upload from another under the same `Idempotency-Key`, known before its content is read: declared
 * size, digests, and what stands before the file in the form.
 */
export function uploadFingerprint(head: UploadHead, before: Readonly<Record<string, unknown>>): string {
  const facts = [
    head.length ?? null,
    [...head.digests].sort(),
    Object.entries(before).sort(([a], [b]) => (a < b ? -1 : 1)),
  ];
  return createHash('sha256').update(JSON.stringify(facts)).digest('base64url');
}
