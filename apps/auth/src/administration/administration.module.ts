import { Module } from '@nestjs/common';
import { AuditModule } from '@nexus/audit';
import { DatabaseModule } from '@nexus/database';
import { AccountsModule } from '../accounts/accounts.module.js';
import { PasswordsModule } from '../passwords/passwords.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { TimeModule } from '../time/time.module.js';
import { AccountChange } from './account-change.service.js';
import { AdminBootstrap } from './admin-bootstrap.service.js';
import { AdministrationController } from './administration.controller.js';
import { Administration } from './administration.service.js';

@Module({
  imports: [
    DatabaseModule.forService('auth'),
    AuditModule.forService('auth'),
    AccountsModule,
    PasswordsModule,
    SessionsModule,
    TimeModule,
  ],
  controllers: [AdministrationController],
  providers: [AccountChange, AdminBootstrap, Administration],
})
export class AdministrationModule {}
