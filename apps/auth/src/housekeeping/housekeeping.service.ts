import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { OnServiceStart } from '@nexus/bootstrap';
import { LOGGER, type Logger } from '@nexus/observability';
import { ApiKeysRepository } from '../api-keys/api-keys.repository.js';
import { SigningKeysRepository } from '../keys/signing-keys.repository.js';
import { FORGET_MS } from '../passwords/failure-rule.service.js';
import { LoginFailuresRepository } from '../passwords/login-failures.repository.js';
import { RevocationsRepository } from '../sessions/revocations.repository.js';
import { SessionsRepository } from '../sessions/sessions.repository.js';
import { AuthClock } from '../time/auth-clock.service.js';

const ROUND_MS = 600_000;
const BATCH = 1_000;
/** How long a session that is over can still be looked into. */
const KEEP_SESSIONS_MS = 30 * 86_400_000;
/** How long an API key that has expired is still shown. */
const KEEP_API_KEYS_MS = 30 * 86_400_000;
/** A verifier may ask for entries with a clock that is behind. */
const KEEP_REVOCATIONS_MS = 300_000;

/** Removes what counts no more. Several processes may do it at once. */
@Injectable()
export class AuthHousekeeping implements OnServiceStart, OnModuleDestroy {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(
    private readonly sessions: SessionsRepository,
    private readonly revocations: RevocationsRepository,
    private readonly failures: LoginFailuresRepository,
    private readonly keys: SigningKeysRepository,
    private readonly apiKeys: ApiKeysRepository,
    private readonly clock: AuthClock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async onServiceStart(): Promise<void> {
    this.timer = setInterval(() => {
      this.running = this.round().catch((error: unknown) => {
        this.logger.warn('Old entries could not be removed; the next round will', { error });
      });
    }, ROUND_MS);
    this.timer.unref();
  }

  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    await this.running;
  }

  async round(): Promise<void> {
    const now = this.clock.now();
    const before = (ms: number) => new Date(now - ms);
    await this.revocations.removeExpired(before(KEEP_REVOCATIONS_MS));
    await this.failures.removeOlder(before(FORGET_MS));
    await this.keys.removeRetired(new Date(now));
    // In batches, so that none holds many rows for long.
    while (!this.stopped && (await this.sessions.removeOver(before(KEEP_SESSIONS_MS), BATCH)) === BATCH);
    while (!this.stopped && (await this.apiKeys.removeExpired(before(KEEP_API_KEYS_MS), BATCH)) === BATCH);
  }
}
