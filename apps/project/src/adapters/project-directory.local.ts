import { Injectable } from '@nestjs/common';
import { type ProjectAccess, ProjectDirectory } from '@nexus/contracts';
import type { CallContext } from '@nexus/kernel';
import { contentRole } from '../projects/project-policy.service.js';
import { ProjectsRepository } from '../projects/projects.repository.js';

/** This service's side of {@link ProjectDirectory}. */
@Injectable()
export class LocalProjectDirectory extends ProjectDirectory {
  constructor(private readonly projects: ProjectsRepository) {
    super();
  }

  async access({ actor }: CallContext, { project_id }: { project_id: string }): Promise<ProjectAccess> {
    if (actor.kind !== 'user') return { role: null };
    const row = await this.projects.access(project_id, actor.id);
    return { role: row ? contentRole(row, row.role) : null };
  }
}
