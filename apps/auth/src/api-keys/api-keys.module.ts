import { Module } from '@nestjs/common';
import { AuditModule } from '@nexus/audit';
import { DatabaseModule } from '@nexus/database';
import { AccountsModule } from '../accounts/accounts.module.js';
import { KeysModule } from '../keys/keys.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { TimeModule } from '../time/time.module.js';
import { ApiKeyExchange } from './api-key-exchange.service.js';
import { ApiKeyStoreModule } from './api-key-store.module.js';
import { ApiKeyUses } from './api-key-uses.service.js';
import { ApiKeysController } from './api-keys.controller.js';
import { ApiKeysService } from './api-keys.service.js';

@Module({
  imports: [
    DatabaseModule.forService('auth'),
    AuditModule.forService('auth'),
    AccountsModule,
    ApiKeyStoreModule,
    KeysModule,
    SessionsModule,
    TimeModule,
  ],
  controllers: [ApiKeysController],
  providers: [ApiKeyExchange, ApiKeyUses, ApiKeysService],
  exports: [ApiKeyExchange],
})
export class ApiKeysModule {}
