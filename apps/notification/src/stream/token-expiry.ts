import { z } from 'zod';

const claims = z.object({ exp: z.number().int().positive() });

/**
 * When the access token of a request expires, in ms since the epoch. Its signature has been checked by then: what this
 * reads is not decided upon by whom the request claims to be.
 *
 * @returns undefined for other credentials
 */
export function tokenExpiry(authorization: string | undefined): number | undefined {
  const payload = /^Bearer +[^.\s]+\.([^.\s]+)\./i.exec(authorization ?? '')?.[1];
  if (payload === undefined) return undefined;
  try {
    return claims.parse(JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'))).exp * 1000;
  } catch {
    return undefined;
  }
}
