import { Module } from '@nestjs/common';
import { AuditModule } from '@nexus/audit';
import { DatabaseModule } from '@nexus/database';
import { LocalProjectDirectory } from '../adapters/project-directory.local.js';
import { ProjectsController } from './projects.controller.js';
import { ProjectsRepository } from './projects.repository.js';
import { ProjectsService } from './projects.service.js';
import { TrashSweepService } from './trash-sweep.service.js';

@Module({
  imports: [DatabaseModule.forService('project'), AuditModule.forService('project')],
  controllers: [ProjectsController],
  providers: [ProjectsRepository, ProjectsService, TrashSweepService, LocalProjectDirectory],
  exports: [ProjectsRepository],
})
export class ProjectsModule {}
