import { Module } from '@nestjs/common';
import { AuditModule } from '@nexus/audit';
import { DatabaseModule } from '@nexus/database';
import { ProjectsModule } from '../projects/projects.module.js';
import { MembersController } from './members.controller.js';
import { MembersRepository } from './members.repository.js';
import { MembersService } from './members.service.js';
import { PeopleService } from './people.service.js';

@Module({
  imports: [DatabaseModule.forService('project'), AuditModule.forService('project'), ProjectsModule],
  controllers: [MembersController],
  providers: [MembersRepository, MembersService, PeopleService],
})
export class MembersModule {}
