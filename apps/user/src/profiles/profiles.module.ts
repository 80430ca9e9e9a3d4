import { Module } from '@nestjs/common';
import { AuditModule } from '@nexus/audit';
import { DatabaseModule } from '@nexus/database';
import { LocalUserDirectory } from '../adapters/user-directory.local.js';
import { AccountChangedHandler } from './account-changed.event.js';
import { AccountRegisteredHandler } from './account-registered.event.js';
import { DirectoryService } from './directory.service.js';
import { OwnProfileController } from './own-profile.controller.js';
import { PeopleController } from './people.controller.js';
import { ProfilesRepository } from './profiles.repository.js';
import { ProfilesService } from './profiles.service.js';
import { UserStatusService } from './user-status.service.js';

@Module({
  imports: [DatabaseModule.forService('user'), AuditModule.forService('user')],
  controllers: [OwnProfileController, PeopleController],
  providers: [
    ProfilesRepository,
    ProfilesService,
    UserStatusService,
    DirectoryService,
    LocalUserDirectory,
    AccountRegisteredHandler,
    AccountChangedHandler,
  ],
  exports: [ProfilesRepository],
})
export class ProfilesModule {}
