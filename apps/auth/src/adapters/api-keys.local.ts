import { Injectable } from '@nestjs/common';
import { ApiKeys, type ExchangedKey } from '@nexus/contracts';
import type { CallContext } from '@nexus/kernel';
import { ApiKeyExchange } from '../api-keys/api-key-exchange.service.js';

/** Auth's side of {@link ApiKeys}. */
@Injectable()
export class LocalApiKeys extends ApiKeys {
  constructor(private readonly exchanging: ApiKeyExchange) {
    super();
  }

  async exchange(_ctx: CallContext, { key }: { key: string }): Promise<{ exchanged: ExchangedKey | null }> {
    return { exchanged: await this.exchanging.exchange(key) };
  }
}
