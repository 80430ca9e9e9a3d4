import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { OnServiceStart } from '@nexus/bootstrap';
import { ConfigError } from '@nexus/config';
import type { PublicJwk } from '@nexus/contracts';
import { Database } from '@nexus/database';
import { LOGGER, type Logger } from '@nexus/observability';
import { type AuthConfig, authConfig } from '../auth.config.js';
import { AuthClock } from '../time/auth-clock.service.js';
import { KeySeal } from './key-seal.service.js';
import { SigningKeysRepository, type StoredKey } from './signing-keys.repository.js';

/** A key that signs now. */
export interface SigningKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
}

interface LoadedKey extends SigningKey {
  readonly jwk: PublicJwk;
  readonly activeFrom: number;
}

const DAY_MS = 86_400_000;
/** A new key is published so long before it signs: verifiers that fetch it late still have it in time. */
const PUBLISH_AHEAD_MS = 60_000;
/** No process signs with a view of the keys older than this. */
const MAX_VIEW_AGE_MS = 60_000;
const REFRESH_MS = 30_000;
/** What is asked again within this time is answered from memory. */
const FRESH_MS = 5_000;
/** The longest life that `ACCESS_TOKEN_TTL_SECONDS` allows: it may have been longer when a token was signed. */
const LONGEST_TOKEN_MS = 3_600_000;
const SLACK_MS = 60_000;

/** The keys of access tokens: made when there is none, replaced by age, published as long as a token of theirs lives. */
@Injectable()
export class SigningKeys implements OnServiceStart, OnModuleDestroy {
  private keys: readonly LoadedKey[] = [];
  private loadedAt = Number.NEGATIVE_INFINITY;
  private loading: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly db: Database,
    private readonly repository: SigningKeysRepository,
    private readonly seal: KeySeal,
    private readonly clock: AuthClock,
    @Inject(authConfig.token) private readonly config: AuthConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** @throws ConfigError when `AUTH_SECRET` is not the one the stored keys were sealed with */
  async onServiceStart(): Promise<void> {
    await this.refresh();
    this.timer = setInterval(() => {
      this.refresh().catch((error: unknown) => {
        this.logger.warn('The signing keys could not be read again; the next round will', { error });
      });
    }, REFRESH_MS);
    this.timer.unref();
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.timer);
    await this.loading?.catch(() => undefined);
  }

  /** The key to sign with. */
  async current(): Promise<SigningKey> {
    const now = this.clock.now();
    if (now - this.loadedAt > MAX_VIEW_AGE_MS) await this.refresh();
    // A first key made by a process whose clock is ahead is better than none.
    const key = this.keys.findLast((candidate) => candidate.activeFrom <= now) ?? this.keys[0];
    if (!key) throw new Error('There is no active signing key');
    return key;
  }

  /** The public keys of every token that may still be valid. */
  async published(): Promise<PublicJwk[]> {
    if (this.clock.now() - this.loadedAt > FRESH_MS) await this.refresh();
    return this.keys.map((key) => key.jwk);
  }

  /** Reads the keys again, and makes the next one when it is time. */
  refresh(): Promise<void> {
    this.loading ??= this.load().finally(() => {
      this.loading = undefined;
    });
    return this.loading;
  }

  private async load(): Promise<void> {
    const now = this.clock.now();
    let stored = await this.repository.inUse(new Date(now));
    if (this.isDue(stored, now)) stored = await this.replace(now);
    this.keys = stored.map((key) => this.open(key));
    this.loadedAt = now;
  }

  private isDue(stored: readonly StoredKey[], now: number): boolean {
    const newest = stored.at(-1);
    return !newest || newest.activeFrom.getTime() + this.config.SIGNING_KEY_AGE_DAYS * DAY_MS <= now;
  }

  private async replace(now: number): Promise<StoredKey[]> {
    // Opened first: with the wrong secret nothing must be written.
    return this.db.transaction(async (tx) => {
      await this.repository.exclusively(tx);
      const stored = await this.repository.inUse(new Date(now), tx);
      for (const key of stored) this.open(key);
      if (!this.isDue(stored, now)) return stored;
      const activeFrom = stored.length === 0 ? now : now + PUBLISH_AHEAD_MS;
      const key = this.make(now, activeFrom);
      await this.repository.insert(tx, key);
      const lastSignature = activeFrom + MAX_VIEW_AGE_MS;
      await this.repository.retireOthers(tx, key.kid, new Date(lastSignature + LONGEST_TOKEN_MS + SLACK_MS));
      tx.afterCommit(() =>
        this.logger.info('A signing key was made', { 'event.action': 'signing-key-made', kid: key.kid }),
      );
      return this.repository.inUse(new Date(now), tx);
    });
  }

  private make(now: number, activeFrom: number): Omit<StoredKey, 'retireAt'> {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { x, y } = publicKey.export({ format: 'jwk' }) as { x: string; y: string };
    // RFC 7638: the digest of the required members in this order.
    const kid = createHash('sha256')
      .update(JSON.stringify({ crv: 'P-256', kty: 'EC', x, y }))
      .digest('base64url');
    return {
      kid,
      jwk: { kty: 'EC', crv: 'P-256', x, y, kid, alg: 'ES256', use: 'sig' },
      sealed: this.seal.seal(kid, privateKey.export({ format: 'der', type: 'pkcs8' })),
      createdAt: new Date(now),
      activeFrom: new Date(activeFrom),
    };
  }

  private open(stored: StoredKey): LoadedKey {
    const known = this.keys.find((key) => key.kid === stored.kid);
    if (known) return known;
    const der = this.seal.open(stored.kid, stored.sealed);
    if (!der) {
      throw new ConfigError([
        'AUTH_SECRET is not the one that the stored signing keys were sealed with: set the former value, or delete the rows of auth.signing_keys to start afresh, which signs everyone out',
      ]);
    }
    return {
      kid: stored.kid,
      jwk: stored.jwk,
      privateKey: createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }),
      activeFrom: stored.activeFrom.getTime(),
    };
  }
}
