import { Inject, Injectable } from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';
import { tokenConfig } from '@nexus/auth-guards';
import { type ConfigOf, type PlatformConfig, platformConfig, publicUrl } from '@nexus/config';
import { type Role, uuidv4 } from '@nexus/kernel';
import { SigningKeys } from './signing-keys.service.js';

/** Life of the access token that an API key is exchanged for, in s. */
export const KEY_TOKEN_SECONDS = 60;
/**
 * Of that life, what is left to the requests that the edge has let in, in s: services check the token, too, and a request
 * that waits for one shall not learn that a token has expired which its caller never had.
 */
export const KEY_TOKEN_REST_SECONDS = 10;

/** What an access token says. */
export interface AccessGrant {
  readonly userId: string;
  readonly role: Role;
  /** The session; of an API key, the key. */
  readonly sessionId: string;
  readonly sessionVersion: number;
  /** What it may be used for; all that its owner may do unless given. */
  readonly scopes?: readonly string[];
  /** The API key that it is made for. */
  readonly keyId?: string;
  readonly amr: readonly string[];
  /** Seconds since the epoch. */
  readonly issuedAt: number;
  /** Seconds since the epoch. */
  readonly expiresAt: number;
}

/** Makes access tokens: JWT (RFC 7519) signed with ES256. */
@Injectable()
export class AccessTokens {
  /** Life of a token, in s. */
  readonly ttl: number;
  private readonly issuer: string;
  private readonly audience: string;

  constructor(
    private readonly jwt: JwtService,
    private readonly keys: SigningKeys,
    @Inject(tokenConfig.token) tokens: ConfigOf<typeof tokenConfig>,
    @Inject(platformConfig.token) platform: PlatformConfig,
  ) {
    this.ttl = tokens.ACCESS_TOKEN_TTL_SECONDS;
    this.audience = tokens.TOKEN_AUDIENCE;
    this.issuer = publicUrl(platform);
  }

  async issue(grant: AccessGrant): Promise<string> {
    const { kid, privateKey } = await this.keys.current();
    const claims = {
      iss: this.issuer,
      aud: this.audience,
      sub: grant.userId,
      sid: grant.sessionId,
      sv: grant.sessionVersion,
      role: grant.role,
      scope: grant.scopes?.join(' ') ?? '',
      ...(grant.keyId === undefined ? {} : { api_key: grant.keyId }),
      amr: grant.amr,
      iat: grant.issuedAt,
      exp: grant.expiresAt,
      jti: uuidv4(),
    };
    // As a KeyObject: a PEM text would be parsed anew for each token, at twice the cost of the signature.
    return this.jwt.signAsync(claims, { privateKey, algorithm: 'ES256', keyid: kid });
  }
}
