import { Module } from '@nestjs/common';
import { AuditModule } from '@nexus/audit';
import { DatabaseModule } from '@nexus/database';
import { TimeModule } from '../time/time.module.js';
import { AccountCreation } from './account-creation.service.js';
import { AccountsRepository } from './accounts.repository.js';
import { People } from './people.service.js';

@Module({
  imports: [DatabaseModule.forService('auth'), AuditModule.forService('auth'), TimeModule],
  providers: [AccountsRepository, AccountCreation, People],
  exports: [AccountsRepository, AccountCreation, People],
})
export class AccountsModule {}
