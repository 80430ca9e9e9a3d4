import { hash } from 'node:crypto';
import { errors } from '@nexus/kernel';

/**
 * The strong entity tag of a representation (RFC 9110 §8.8.3): the resource's version, where it has one, and a
 * digest of its JSON, because one version may read differently to different callers.
 */
export function entityTag(json: string, version: number | undefined): string {
  const digest = hash('sha1', json, 'base64url').slice(0, 12);
  return version === undefined ? `"${digest}"` : `"${version}-${digest}"`;
}

/** Versions that `If-Match` accepts. */
export interface ExpectedVersion {
  /** `*`: any version, as long as there is one. */
  readonly any: boolean;
  readonly versions: readonly number[];
  /** The strong tags as they were sent, for resources without a version. */
  readonly tags?: readonly string[];
}

const MAX_TAGS = 32;
const TAG = /^"(?:(\d{1,9})-)?[\x21\x23-\x7e]*"$/;

/** Reads `If-Match` (RFC 9110 §13.1.1); weak tags never match there. */
export function parseIfMatch(header: string | undefined): ExpectedVersion | undefined {
  if (header === undefined) return undefined;
  if (header.trim() === '*') return { any: true, versions: [] };
  const versions: number[] = [];
  const tags: string[] = [];
  for (const part of header.split(',', MAX_TAGS)) {
    const match = TAG.exec(part.trim());
    if (!match) continue;
    tags.push(match[0]);
    if (match[1] !== undefined) versions.push(Number(match[1]));
  }
  return { any: false, versions, tags };
}

/**
 * Refuses a change to a version the client has not seen.
 * @throws AppError `stale_version` (412)
 */
export function assertVersion(expected: ExpectedVersion | undefined, current: number): void {
  if (expected && !expected.any && !expected.versions.includes(current)) throw errors.stale_version();
}

/**
 * As {@link assertVersion}, for a resource without a version: the client must have seen this very representation.
 * @param current what a GET would answer as `data`
 * @throws AppError `stale_version` (412)
 */
export function assertRepresentation(expected: ExpectedVersion | undefined, current: unknown): void {
  if (!expected || expected.any) return;
  const version = (current as { version?: unknown } | null)?.version;
  const tag = entityTag(JSON.stringify(current), typeof version === 'number' ? version : undefined);
  if (!expected.tags?.includes(tag)) throw errors.stale_version();
}

/** Whether `If-None-Match` names this tag (weak comparison, RFC 9110 §13.1.2). */
export function matchesNone(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false;
  if (header.trim() === '*') return true;
  return header.split(',', MAX_TAGS).some((part) => part.trim().replace(/^W\//, '') === tag);
}
