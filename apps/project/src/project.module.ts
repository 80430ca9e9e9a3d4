import { Module } from '@nestjs/common';
import { MembersModule } from './members/members.module.js';
import { ProjectsModule } from './projects/projects.module.js';

/** The project service. */
@Module({ imports: [ProjectsModule, MembersModule] })
export class ProjectModule {}
