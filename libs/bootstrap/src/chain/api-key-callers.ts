import { type AccessTokenVerifier, apiKeyDigest, challenge, isApiKey } from '@nexus/auth-guards';
import type { ApiKeys } from '@nexus/contracts';
import { toAppError } from '@nexus/http';
import { AppError, type CallContext, errors, RecentMap, type UserActor } from '@nexus/kernel';

/** Who an API key stands for, and the access token that goes on in its place. */
export interface KeyCaller {
  readonly token: string;
  readonly actor: UserActor;
}

interface Exchanged {
  readonly token: string;
  /** From then on a new token is asked for, while this one still serves. Milliseconds since the epoch. */
  renewAt: number;
  /** What comes later waits for a new token. */
  readonly usableUntil: number;
}

/** Keys that are remembered; so many for sure, twice as many at most. */
const KEYS = 10_000;
/** Of the time in which a token may be used. */
const RENEW_AFTER = 3 / 5;
/** Between two tries to renew a token that still serves. */
const RENEW_AGAIN_MS = 1_000;
/** How long auth's word counts that a key is none: an owner who was let in again does not wait longer. */
const REFUSED_MS = 1_000;
/** Keys that auth is asked about at once; more are sent away, however many keys somebody makes up. */
const EXCHANGES = 256;
/** Tokens that count no more may be given once: while what ended them was on its way. */
const ATTEMPTS = 2;

function invalid(): AppError {
  return errors.api_key_invalid({ headers: challenge() });
}

/** Keys are neither right nor wrong while auth does not say so. */
function unavailable(thrown: unknown): unknown {
  const error = toAppError(thrown);
  return error.status === 500 ? thrown : errors.unavailable({ headers: { 'retry-after': '1' }, cause: thrown });
}

/**
 * Finds the callers of API keys: each key is exchanged with auth for an access token of a minute, which is remembered
 * under the key's digest, renewed while it still serves, and checked like any other token. So what ends the tokens of a
 * session ends those of a key, and a remembered token that was ended is exchanged anew.
 */
export class ApiKeyCallers {
  private readonly known = new RecentMap<string, Exchanged>(KEYS);
  /** Until when auth's word counts; apart from the known keys, so that bad ones do not displace them. */
  private readonly refused = new RecentMap<string, number>(KEYS);
  private readonly exchanges = new Map<string, Promise<string>>();

  /** @param context of a question to auth: it is asked for everybody who waits, so it is no request's own */
  constructor(
    private readonly keys: ApiKeys,
    private readonly verifier: AccessTokenVerifier,
    private readonly context: () => CallContext,
    private readonly now: () => number = Date.now,
  ) {}

  /**
   * The caller who holds a key: at once when the key is known, else after asking auth.
   * @throws AppError `api_key_invalid`; `unavailable` when auth does not answer or revocations cannot be known,
   * `overloaded` when too much is asked already
   */
  find(key: string): KeyCaller | Promise<KeyCaller> {
    if (!isApiKey(key)) throw invalid();
    const digest = apiKeyDigest(key);
    const known = this.known.get(digest);
    const now = this.now();
    if (known === undefined || now >= known.usableUntil) return this.ask(digest, key);
    const { token } = known;
    const actor = this.check(token);
    if (actor === undefined) {
      this.known.delete(digest);
      return this.ask(digest, key);
    }
    if (now >= known.renewAt) {
      known.renewAt = now + RENEW_AGAIN_MS;
      this.renew(digest, key);
    }
    if (!(actor instanceof Promise)) return { token, actor };
    return actor.then((checked) => (checked ? { token, actor: checked } : this.ask(digest, key)));
  }

  /** The actor of a token; undefined when the token counts no more. */
  private check(token: string): UserActor | undefined | Promise<UserActor | undefined> {
    try {
      const actor = this.verifier.verify(token);
      return actor instanceof Promise ? actor.catch(ended) : actor;
    } catch (error) {
      return ended(error);
    }
  }

  private async ask(digest: string, key: string): Promise<KeyCaller> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const token = await this.exchange(digest, key);
      const actor = await this.check(token);
      if (actor) return { token, actor };
      this.known.delete(digest);
    }
    throw invalid();
  }

  private renew(digest: string, key: string): void {
    if (this.exchanges.has(digest) || this.exchanges.size >= EXCHANGES) return;
    // Whoever comes when the present token is used up learns why there is no other.
    this.exchange(digest, key).catch(() => undefined);
  }

  /** One question per key at a time, whoever waits for the answer. */
  private exchange(digest: string, key: string): Promise<string> {
    const running = this.exchanges.get(digest);
    if (running) return running;
    if (this.now() < (this.refused.get(digest) ?? 0)) throw invalid();
    if (this.exchanges.size >= EXCHANGES) throw errors.overloaded({ headers: { 'retry-after': '1' } });
    const begun = this.askAuth(digest, key).finally(() => this.exchanges.delete(digest));
    this.exchanges.set(digest, begun);
    return begun;
  }

  private async askAuth(digest: string, key: string): Promise<string> {
    const askedAt = this.now();
    const { exchanged } = await this.keys.exchange(this.context(), { key }).catch((error: unknown) => {
      throw unavailable(error);
    });
    if (exchanged === null) {
      this.known.delete(digest);
      this.refused.set(digest, this.now() + REFUSED_MS);
      throw invalid();
    }
    const usableMs = exchanged.expires_in * 1000;
    const { token } = exchanged;
    this.known.set(digest, {
      token,
      renewAt: askedAt + usableMs * RENEW_AFTER,
      usableUntil: askedAt + usableMs,
    });
    return token;
  }
}

/** Ended by a revocation or by its time; everything else is thrown on. */
function ended(error: unknown): undefined {
  if (error instanceof AppError && (error.code === 'session_ended' || error.code === 'token_expired')) return undefined;
  throw error;
}
