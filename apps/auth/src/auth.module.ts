import { Module } from '@nestjs/common';
import { AuditModule } from '@nexus/audit';
import { DatabaseModule } from '@nexus/database';
import { AccountsModule } from './accounts/accounts.module.js';
import { AccountStatusService } from './adapters/account-status.service.js';
import { LocalApiKeys } from './adapters/api-keys.local.js';
import { LocalSessions } from './adapters/sessions.local.js';
import { LocalTokenTrust } from './adapters/token-trust.local.js';
import { UserStatusHandler } from './adapters/user-status.event.js';
import { AdministrationModule } from './administration/administration.module.js';
import { ApiKeyStoreModule } from './api-keys/api-key-store.module.js';
import { ApiKeysModule } from './api-keys/api-keys.module.js';
import { AuthHousekeeping } from './housekeeping/housekeeping.service.js';
import { KeysModule } from './keys/keys.module.js';
import { PasswordsModule } from './passwords/passwords.module.js';
import { SessionsModule } from './sessions/sessions.module.js';
import { SignInModule } from './sign-in/sign-in.module.js';
import { TimeModule } from './time/time.module.js';

/** The auth service. */
@Module({
  imports: [
    DatabaseModule.forService('auth'),
    AuditModule.forService('auth'),
    AccountsModule,
    AdministrationModule,
    ApiKeyStoreModule,
    ApiKeysModule,
    KeysModule,
    PasswordsModule,
    SessionsModule,
    SignInModule,
    TimeModule,
  ],
  providers: [AccountStatusService, AuthHousekeeping, LocalApiKeys, LocalSessions, LocalTokenTrust, UserStatusHandler],
})
export class AuthModule {}
