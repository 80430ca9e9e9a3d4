import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import type { PublicJwk, TokenTrust } from '@nexus/contracts';
import { type CallContext, errors, RecentMap, ROLES, type UserActor } from '@nexus/kernel';
import { z } from 'zod';
import { challenge } from './authorise.js';
import type { RevocationList } from './revocation-list.js';

export interface VerifierOptions {
  readonly issuer: string;
  readonly audience: string;
  /** See `REVOCATION_GRACE_SECONDS`. */
  readonly graceMs: number;
  readonly now?: () => number;
}

interface Checked {
  readonly token: string;
  readonly actor: UserActor;
  /** Not after the end of its life. */
  readonly recheckAt: number;
  /** {@link RevocationList.changes} when its session was last found to stand. */
  stoodAt: number;
}

const header = z.object({ alg: z.literal('ES256'), kid: z.string().min(1).max(64), typ: z.string().optional() });
const claims = z.object({
  iss: z.string(),
  aud: z.string(),
  sub: z.uuid(),
  sid: z.uuid(),
  sv: z.number().int(),
  role: z.enum(ROLES),
  scope: z.string(),
  /** The API key that it was given for; it is the session, too. */
  api_key: z.uuid().optional(),
  amr: z.array(z.string()),
  exp: z.number().int(),
  iat: z.number().int(),
});

const MAX_TOKEN_LENGTH = 4096;
/** Compact serialisation (RFC 7515 §7.1). */
const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]+$/;
/** Of a token that is remembered: an ES256 signature in base64url. Shorter than the token, so found in less time. */
const SIGNATURE_LENGTH = 86;
const CACHED_TOKENS = 10_000;
/** Places for tokens of the last moment; a power of two. */
const PLACES = 4096;
const RECHECK_MS = 60_000;
const CLOCK_SKEW_S = 5;
/** An unknown key id makes us ask for the keys, but not more often than this, whoever sends rubbish. */
const KEY_REFRESH_MS = 5_000;

/**
 * Verifies access tokens (ES256 JWT, RFC 7519; algorithm pinned per RFC 8725 §3.1). A checked token is
 * remembered by its full text for at most a minute; whether its session still stands is asked every time.
 */
export class AccessTokenVerifier {
  private readonly checked = new RecentMap<string, Checked>(CACHED_TOKENS);
  /**
   * The same by a few characters of the signature: a token is a new string with each request, and to find it in a map its
   * signature would have to be hashed each time. Whoever shares a place with another is found in the map.
   */
  private readonly latest = new Array<Checked | undefined>(PLACES).fill(undefined);
  private keys = new Map<string, KeyObject>();
  private keysAt = Number.NEGATIVE_INFINITY;
  private loading: Promise<void> | undefined;
  private readonly now: () => number;

  constructor(
    private readonly trust: TokenTrust,
    private readonly revocations: RevocationList,
    private readonly context: () => CallContext,
    private readonly options: VerifierOptions,
  ) {
    this.now = options.now ?? Date.now;
  }

  /**
   * The actor of a token: at once when it is known, else after checking it.
   * @throws AppError `token_invalid`, `token_expired`, `session_ended`; `unavailable` when revocations cannot be known
   */
  verify(token: string): UserActor | Promise<UserActor> {
    const now = this.now();
    const place = placeOf(token);
    const latest = this.latest[place];
    if (latest !== undefined && latest.token === token && now < latest.recheckAt) return this.standing(latest, now);
    const known = this.checked.get(token.slice(-SIGNATURE_LENGTH));
    if (known?.token !== token || now >= known.recheckAt) return this.check(token, now);
    this.latest[place] = known;
    return this.standing(known, now);
  }

  private standing(checked: Checked, now: number): UserActor {
    const { actor } = checked;
    const { changes } = this.revocations;
    if (checked.stoodAt !== changes) {
      if (this.revocations.isRevoked(actor.sessionId, actor.sessionVersion))
        throw errors.session_ended({ headers: challenge('invalid_token') });
      checked.stoodAt = changes;
    }
    if (this.revocations.unsureMs(now) > this.options.graceMs)
      throw errors.unavailable({ headers: { 'retry-after': '1' } });
    return actor;
  }

  private async check(token: string, now: number): Promise<UserActor> {
    if (token.length > MAX_TOKEN_LENGTH || !COMPACT.test(token)) throw invalid();
    const [head, payload, signature] = token.split('.') as [string, string, string];
    const kid = parse(header, head).kid;
    const key = this.keys.get(kid) ?? (await this.findKey(kid));
    if (!key) throw invalid();
    const signed = Buffer.from(`${head}.${payload}`);
    if (!verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url')))
      throw invalid();
    const held = parse(claims, payload);
    if (held.iss !== this.options.issuer || held.aud !== this.options.audience) throw invalid();
    if (held.iat > now / 1000 + CLOCK_SKEW_S) throw invalid();
    if (now >= held.exp * 1000) throw errors.token_expired({ headers: challenge('invalid_token') });
    const checked: Checked = {
      token,
      actor: Object.freeze({
        kind: 'user' as const,
        id: held.sub,
        role: held.role,
        sessionId: held.sid,
        sessionVersion: held.sv,
        scopes: held.scope === '' ? [] : held.scope.split(' '),
        amr: held.amr,
        ...(held.api_key === undefined ? {} : { keyId: held.api_key }),
      }),
      recheckAt: Math.min(held.exp * 1000, now + RECHECK_MS),
      stoodAt: Number.NaN,
    };
    const actor = this.standing(checked, now);
    this.checked.set(token.slice(-SIGNATURE_LENGTH), checked);
    this.latest[placeOf(token)] = checked;
    return actor;
  }

  private async findKey(kid: string): Promise<KeyObject | undefined> {
    if (this.now() - this.keysAt >= KEY_REFRESH_MS) {
      this.loading ??= this.loadKeys().finally(() => {
        this.loading = undefined;
      });
      await this.loading;
    }
    return this.keys.get(kid);
  }

  private async loadKeys(): Promise<void> {
    const { keys } = await this.trust.keys(this.context(), {});
    this.keys = new Map(keys.map((jwk: PublicJwk) => [jwk.kid, createPublicKey({ key: { ...jwk }, format: 'jwk' })]));
    this.keysAt = this.now();
  }
}

/** Three characters of base64url, of which each of a signature says as much as the next. */
function placeOf(token: string): number {
  const end = token.length;
  return (token.charCodeAt(end - 7) * 1369 + token.charCodeAt(end - 6) * 37 + token.charCodeAt(end - 5)) & (PLACES - 1);
}

function invalid() {
  return errors.token_invalid({ headers: challenge('invalid_token') });
}

function parse<S extends z.ZodType>(schema: S, part: string): z.output<S> {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
  } catch {
    throw invalid();
  }
  const result = schema.safeParse(value);
  if (!result.success) throw invalid();
  return result.data;
}
