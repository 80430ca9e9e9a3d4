import { defineService } from '@nexus/bootstrap';
import { ProjectDirectory, projectMemberAdded, UserDirectory } from '@nexus/contracts';
import { LocalProjectDirectory } from './adapters/project-directory.local.js';
import { MemberEntity } from './members/member.entity.js';
import { Projects1763856000200 } from './migrations/0001-projects.js';
import { projectConfig } from './project.config.js';

/** Projects and who takes part in them. */
export const projectService = defineService({
  name: 'project',
  port: 8083,
  module: async () => (await import('./project.module.js')).ProjectModule,
  provides: [{ port: ProjectDirectory, provider: LocalProjectDirectory, callers: ['file', 'notification'] }],
  needs: [UserDirectory],
  publishes: [projectMemberAdded],
  database: { entities: [MemberEntity], migrations: [Projects1763856000200] },
  config: [projectConfig],
  egress: [{ to: 'postgres' }, { to: 'redis' }],
});
