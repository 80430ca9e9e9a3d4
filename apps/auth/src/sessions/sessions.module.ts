import { Module } from '@nestjs/common';
import { AuditModule } from '@nexus/audit';
import { DatabaseModule } from '@nexus/database';
import { AccountsModule } from '../accounts/accounts.module.js';
import { ApiKeyStoreModule } from '../api-keys/api-key-store.module.js';
import { KeysModule } from '../keys/keys.module.js';
import { SecretsModule } from '../secrets/secrets.module.js';
import { TimeModule } from '../time/time.module.js';
import { RefreshService } from './refresh.service.js';
import { RefreshRule } from './refresh-rule.service.js';
import { RefreshTokens } from './refresh-tokens.service.js';
import { RevocationStream } from './revocation-stream.service.js';
import { RevocationsRepository } from './revocations.repository.js';
import { SessionEnding } from './session-ending.service.js';
import { SessionIssuer } from './session-issuer.service.js';
import { SessionsController } from './sessions.controller.js';
import { SessionsRepository } from './sessions.repository.js';
import { SessionsService } from './sessions.service.js';
import { TokenRevocations } from './token-revocations.service.js';

@Module({
  imports: [
    DatabaseModule.forService('auth'),
    AuditModule.forService('auth'),
    AccountsModule,
    ApiKeyStoreModule,
    KeysModule,
    SecretsModule,
    TimeModule,
  ],
  controllers: [SessionsController],
  providers: [
    RefreshRule,
    RefreshService,
    RefreshTokens,
    RevocationStream,
    RevocationsRepository,
    SessionEnding,
    SessionIssuer,
    SessionsRepository,
    SessionsService,
    TokenRevocations,
  ],
  exports: [
    RevocationStream,
    RevocationsRepository,
    SessionEnding,
    SessionIssuer,
    SessionsRepository,
    TokenRevocations,
  ],
})
export class SessionsModule {}
