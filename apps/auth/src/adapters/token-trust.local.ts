import { Injectable } from '@nestjs/common';
import { type PublicJwk, type Revocation, type StreamWatch, TokenTrust } from '@nexus/contracts';
import type { CallContext } from '@nexus/kernel';
import { SigningKeys } from '../keys/signing-keys.service.js';
import { RevocationStream } from '../sessions/revocation-stream.service.js';
import { RevocationsRepository } from '../sessions/revocations.repository.js';
import { AuthClock } from '../time/auth-clock.service.js';

/** Auth's side of {@link TokenTrust}. */
@Injectable()
export class LocalTokenTrust extends TokenTrust {
  constructor(
    private readonly signingKeys: SigningKeys,
    private readonly repository: RevocationsRepository,
    private readonly stream: RevocationStream,
    private readonly clock: AuthClock,
  ) {
    super();
  }

  async keys(_ctx: CallContext, _input: Record<string, never>): Promise<{ keys: PublicJwk[] }> {
    return { keys: await this.signingKeys.published() };
  }

  async revocations(_ctx: CallContext, input: { after: number }): Promise<{ entries: Revocation[]; head: number }> {
    return this.repository.since(input.after, new Date(this.clock.now()));
  }

  subscribe(listener: (entry: Revocation) => void, watch?: StreamWatch): () => void {
    return this.stream.subscribe(listener, watch);
  }
}
