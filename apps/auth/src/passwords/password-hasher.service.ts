import { Inject, Injectable } from '@nestjs/common';
import type { OnServiceStart } from '@nexus/bootstrap';
import { type CallContext, errors, randomToken } from '@nexus/kernel';
import { type AuthConfig, authConfig } from '../auth.config.js';
import { Argon2Loader } from './argon2.service.js';
import { normalPassword } from './password-policy.service.js';

interface Waiting {
  start(): void;
}

const ARGON2ID = 2;

/**
 * Hashes and checks passwords with argon2id (RFC 9106). So many at once as configured, and a bounded queue behind:
 * each takes its memory and tens of milliseconds of a core.
 */
@Injectable()
export class PasswordHasher implements OnServiceStart {
  private readonly waiting = new Set<Waiting>();
  private running = 0;
  private decoy: Promise<string> | undefined;

  constructor(
    private readonly argon2: Argon2Loader,
    @Inject(authConfig.token) private readonly config: AuthConfig,
  ) {}

  /** Makes the decoy before the first sign-in, which would otherwise take twice the time. */
  async onServiceStart(): Promise<void> {
    await this.decoyHash();
  }

  /**
   * @returns a PHC string
   * @throws AppError `overloaded` when the queue is full, `timed_out` when nobody waits any more
   */
  async hash(ctx: CallContext, password: string): Promise<string> {
    return this.inTurn(ctx, async () => this.compute(password));
  }

  /**
   * Whether the password is the one of the hash. Without a hash (nobody has the e-mail address) a decoy of the same
   * cost is checked, so that the time says nothing.
   * @throws AppError as {@link hash}
   */
  async verify(ctx: CallContext, hash: string | undefined, password: string): Promise<boolean> {
    const against = hash ?? (await this.decoyHash());
    const same = await this.inTurn(ctx, async () =>
      (await this.argon2.load()).verify(against, normalPassword(password)),
    );
    return same && hash !== undefined;
  }

  /** Whether a hash was made with other parameters than those in force. */
  async isOutdated(hash: string): Promise<boolean> {
    const { algorithm, memoryCost, timeCost, parallelism } = (await this.argon2.load()).parseOptions(hash);
    const { ARGON2_MEMORY_KIB, ARGON2_TIME, ARGON2_PARALLELISM } = this.config;
    return (
      (algorithm as number) !== ARGON2ID ||
      memoryCost !== ARGON2_MEMORY_KIB ||
      timeCost !== ARGON2_TIME ||
      parallelism !== ARGON2_PARALLELISM
    );
  }

  private async compute(password: string): Promise<string> {
    const { hash } = await this.argon2.load();
    return hash(normalPassword(password), {
      algorithm: ARGON2ID,
      memoryCost: this.config.ARGON2_MEMORY_KIB,
      timeCost: this.config.ARGON2_TIME,
      parallelism: this.config.ARGON2_PARALLELISM,
    });
  }

  private decoyHash(): Promise<string> {
    this.decoy ??= this.compute(randomToken());
    return this.decoy;
  }

  private async inTurn<T>(ctx: CallContext, work: () => Promise<T>): Promise<T> {
    if (this.running >= this.config.PASSWORD_HASHES_AT_ONCE) await this.wait(ctx);
    else this.running += 1;
    try {
      if (ctx.signal.aborted || Date.now() >= ctx.deadline) throw errors.timed_out();
      return await work();
    } finally {
      const [next] = this.waiting;
      if (next) next.start();
      else this.running -= 1;
    }
  }

  /** Waits for a place, which whoever finishes hands over. */
  private wait({ signal }: CallContext): Promise<void> {
    if (this.waiting.size >= this.config.PASSWORD_HASH_QUEUE)
      throw errors.overloaded({ headers: { 'retry-after': '1' } });
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.waiting.delete(entry);
        reject(errors.timed_out());
      };
      const entry: Waiting = {
        start: () => {
          this.waiting.delete(entry);
          signal.removeEventListener('abort', leave);
          resolve();
        },
      };
      this.waiting.add(entry);
      signal.addEventListener('abort', leave, { once: true });
    });
  }
}
