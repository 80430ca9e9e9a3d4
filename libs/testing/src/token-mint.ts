import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { type PublicJwk, type Revocation, TokenTrust } from '@nexus/contracts';
import { uuidv7 } from '@nexus/kernel';

/** What a spec may say of a token; the rest is as auth would sign it. */
export interface TokenFacts {
  readonly sub?: string;
  readonly sid?: string;
  readonly role?: string;
  readonly sv?: number;
  /** Scopes with blanks between them. */
  readonly scope?: string;
  /** The API key that it was made for. */
  readonly api_key?: string;
  /** Seconds since the epoch. */
  readonly exp?: number;
  readonly iss?: string;
  readonly alg?: string;
  readonly key?: KeyObject;
}

/** Issuer of test tokens; `PUBLIC_URL` of a test app. */
export const TEST_ISSUER = 'http://localhost:8080';
const LIFE_SECONDS = 900;

/** Signs access tokens, and is trusted by the app under test: what auth is in the whole platform. */
export class TokenMint extends TokenTrust {
  private readonly pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  private readonly listeners = new Set<(entry: Revocation) => void>();
  private readonly entries: Revocation[] = [];

  /** A signed access token. */
  token(facts: TokenFacts = {}): string {
    const now = Math.floor(Date.now() / 1000);
    const head = encode({ alg: facts.alg ?? 'ES256', kid: 'k1', typ: 'JWT' });
    const claims = encode({
      iss: facts.iss ?? TEST_ISSUER,
      aud: 'nexus',
      sub: facts.sub ?? uuidv7(),
      sid: facts.sid ?? uuidv7(),
      sv: facts.sv ?? 1,
      role: facts.role ?? 'user',
      scope: facts.scope ?? '',
      ...(facts.api_key === undefined ? {} : { api_key: facts.api_key }),
      amr: ['pwd'],
      iat: now,
      exp: facts.exp ?? now + LIFE_SECONDS,
      jti: uuidv7(),
    });
    const key = facts.key ?? this.pair.privateKey;
    const signature = sign('sha256', Buffer.from(`${head}.${claims}`), { key, dsaEncoding: 'ieee-p1363' });
    return `${head}.${claims}.${signature.toString('base64url')}`;
  }

  /** Ends a session, as a log-out would. */
  revoke(sessionId: string, minVersion: number | null = null): void {
    const entry: Revocation = {
      seq: this.entries.length + 1,
      session_id: sessionId,
      min_version: minVersion,
      expires_at: new Date(Date.now() + LIFE_SECONDS * 1000).toISOString(),
    };
    this.entries.push(entry);
    for (const listener of this.listeners) listener(entry);
  }

  async keys() {
    const jwk = this.pair.publicKey.export({ format: 'jwk' });
    return { keys: [{ ...jwk, kid: 'k1', alg: 'ES256', use: 'sig' } as PublicJwk] };
  }

  async revocations(_ctx: unknown, { after }: { after: number }) {
    return { entries: this.entries.filter((entry) => entry.seq > after), head: this.entries.length };
  }

  subscribe(listener: (entry: Revocation) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
