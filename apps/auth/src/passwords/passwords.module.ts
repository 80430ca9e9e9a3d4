import { Module } from '@nestjs/common';
import { AuditModule } from '@nexus/audit';
import { DatabaseModule } from '@nexus/database';
import { AccountsModule } from '../accounts/accounts.module.js';
import { SecretsModule } from '../secrets/secrets.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { TimeModule } from '../time/time.module.js';
import { Argon2Loader } from './argon2.service.js';
import { LoginFailuresRepository } from './login-failures.repository.js';
import { LoginFailures } from './login-failures.service.js';
import { PasswordChange } from './password-change.service.js';
import { PasswordHasher } from './password-hasher.service.js';
import { PasswordRehash } from './password-rehash.service.js';
import { PasswordWriter } from './password-writer.service.js';
import { PasswordsController } from './passwords.controller.js';

@Module({
  imports: [
    DatabaseModule.forService('auth'),
    AuditModule.forService('auth'),
    AccountsModule,
    SecretsModule,
    SessionsModule,
    TimeModule,
  ],
  controllers: [PasswordsController],
  providers: [
    Argon2Loader,
    LoginFailures,
    LoginFailuresRepository,
    PasswordChange,
    PasswordHasher,
    PasswordRehash,
    PasswordWriter,
  ],
  exports: [LoginFailures, LoginFailuresRepository, PasswordHasher, PasswordRehash],
})
export class PasswordsModule {}
