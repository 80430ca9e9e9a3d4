import { Body, Controller, Param, Query } from '@nestjs/common';
import { Caller, Ctx, Endpoint, idParam } from '@nexus/http';
import type { CallContext, Page, UserActor } from '@nexus/kernel';
import {
  type ApiKeyQuery,
  type ApiKeyRequest,
  type ApiKeyView,
  apiKeyQuery,
  apiKeyRequest,
  apiKeyView,
  type CreatedApiKey,
  createdApiKey,
} from './api-keys.schemas.js';
import { ApiKeysService } from './api-keys.service.js';

const SMALL_BODY = 16 * 1024;

/** The caller's API keys. These routes name no scopes: no key makes, shows or ends keys. */
@Controller('api/v1/auth/api-keys')
export class ApiKeysController {
  constructor(private readonly keys: ApiKeysService) {}

  @Endpoint('POST', '', {
    operation: 'createApiKey',
    summary: 'Make an API key',
    description:
      'The answer holds the key, which nobody can show again. It acts for you, with your role, where the routes take its scopes. At most 50 keys of a person have not expired.',
    status: 201,
    response: createdApiKey,
    errors: ['api_key_limit_reached', 'account_locked', 'account_disabled'],
    location: ({ id }: CreatedApiKey) => `/api/v1/auth/api-keys/${id}`,
    idempotency: 'refused',
    maxBodyBytes: SMALL_BODY,
  })
  create(
    @Ctx() ctx: CallContext,
    @Caller() caller: UserActor,
    @Body({ schema: apiKeyRequest }) body: ApiKeyRequest,
  ): Promise<CreatedApiKey> {
    return this.keys.create(ctx, caller, body);
  }

  @Endpoint('GET', '', {
    operation: 'listApiKeys',
    summary: 'List your API keys',
    description: 'Those that have expired are shown for 30 days more.',
    list: apiKeyView,
  })
  list(@Caller() caller: UserActor, @Query({ schema: apiKeyQuery }) query: ApiKeyQuery): Promise<Page<ApiKeyView>> {
    return this.keys.list(caller, query);
  }

  @Endpoint('DELETE', ':id', {
    operation: 'revokeApiKey',
    summary: 'End an API key',
    description: 'It stops working at once, on every service.',
    errors: ['api_key_not_found'],
  })
  async revoke(
    @Ctx() ctx: CallContext,
    @Caller() caller: UserActor,
    @Param({ schema: idParam }) { id }: { id: string },
  ): Promise<void> {
    await this.keys.revoke(ctx, caller, id);
  }
}
