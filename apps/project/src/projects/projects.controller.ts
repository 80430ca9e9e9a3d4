import { Body, Controller, Param, Query } from '@nestjs/common';
import { Scopes } from '@nexus/auth-guards';
import { Caller, Ctx, Endpoint, type ExpectedVersion, IfMatch, idParam } from '@nexus/http';
import type { CallContext, Page, UserActor } from '@nexus/kernel';
import {
  type NewProject,
  newProject,
  type Project,
  type ProjectPatch,
  type ProjectQuery,
  projectPatch,
  projectQuery,
  projectSchema,
} from './project.schemas.js';
import { ProjectsService } from './projects.service.js';

interface Id {
  readonly id: string;
}

const EXAMPLE = {
  name: 'Analytical Engine',
  description: 'Notes and plans.',
  tags: ['research'],
  metadata: { room: 4 },
};
const MOVE_ERRORS = ['project_not_found', 'project_role_too_low', 'stale_version'];

/** Projects. */
@Controller('api/v1/projects')
export class ProjectsController {
  constructor(private readonly projects: ProjectsService) {}

  @Scopes('projects:write')
  @Endpoint('POST', '', {
    operation: 'createProject',
    summary: 'Create a project that you own',
    status: 201,
    response: projectSchema,
    example: EXAMPLE,
    location: (project: Project) => `/api/v1/projects/${project.id}`,
  })
  create(
    @Ctx() ctx: CallContext,
    @Caller() caller: UserActor,
    @Body({ schema: newProject }) body: NewProject,
  ): Promise<Project> {
    return this.projects.create(ctx, caller, body);
  }

  @Scopes('projects:read')
  @Endpoint('GET', '', {
    operation: 'listProjects',
    summary: 'The projects of which you are a member',
    list: projectSchema,
    errors: ['invalid_cursor'],
  })
  list(@Caller() caller: UserActor, @Query({ schema: projectQuery }) query: ProjectQuery): Promise<Page<Project>> {
    return this.projects.list(caller, query);
  }

  @Scopes('projects:read')
  @Endpoint('GET', ':id', {
    operation: 'getProject',
    summary: 'One project',
    description:
      'Members see it, and everyone who is signed in when it is internal. In the trash only its owners see it.',
    response: projectSchema,
    errors: ['project_not_found'],
    cache: {
      audience: 'user',
      tags: ['project:{id}'],
      staleWhileRevalidateSeconds: 30,
      staleIfErrorSeconds: 300,
      notFoundSeconds: 5,
    },
  })
  read(@Caller() caller: UserActor, @Param({ schema: idParam }) { id }: Id): Promise<Project> {
    return this.projects.read(caller, id);
  }

  @Scopes('projects:write')
  @Endpoint('PATCH', ':id', {
    operation: 'updateProject',
    summary: 'Change a project (editors)',
    response: projectSchema,
    example: { description: 'Second edition.', tags: ['research', 'print'] },
    errors: ['project_not_found', 'project_role_too_low', 'project_archived', 'project_trashed', 'stale_version'],
  })
  update(
    @Ctx() ctx: CallContext,
    @Caller() caller: UserActor,
    @Param({ schema: idParam }) { id }: Id,
    @Body({ schema: projectPatch }) patch: ProjectPatch,
    @IfMatch() expected: ExpectedVersion | undefined,
  ): Promise<Project> {
    return this.projects.update(ctx, caller, id, patch, expected);
  }

  @Scopes('projects:write')
  @Endpoint('DELETE', ':id', {
    operation: 'trashProject',
    summary: 'Put a project into the trash (owners)',
    description: 'It can be restored for 30 days; then it is removed for good.',
    errors: MOVE_ERRORS,
  })
  async trash(
    @Ctx() ctx: CallContext,
    @Caller() caller: UserActor,
    @Param({ schema: idParam }) { id }: Id,
    @IfMatch() expected: ExpectedVersion | undefined,
  ): Promise<void> {
    await this.projects.move(ctx, caller, id, 'trash', expected);
  }

  @Scopes('projects:write')
  @Endpoint('POST', ':id/restore', {
    operation: 'restoreProject',
    summary: 'Take a project out of the trash (owners)',
    response: projectSchema,
    errors: MOVE_ERRORS,
  })
  restore(
    @Ctx() ctx: CallContext,
    @Caller() caller: UserActor,
    @Param({ schema: idParam }) { id }: Id,
    @IfMatch() expected: ExpectedVersion | undefined,
  ): Promise<Project> {
    return this.projects.move(ctx, caller, id, 'restore', expected);
  }

  @Scopes('projects:write')
  @Endpoint('POST', ':id/archive', {
    operation: 'archiveProject',
    summary: 'Archive a project (owners)',
    description: 'What is archived can be read, but not changed.',
    response: projectSchema,
    errors: [...MOVE_ERRORS, 'project_trashed'],
  })
  archive(
    @Ctx() ctx: CallContext,
    @Caller() caller: UserActor,
    @Param({ schema: idParam }) { id }: Id,
    @IfMatch() expected: ExpectedVersion | undefined,
  ): Promise<Project> {
    return this.projects.move(ctx, caller, id, 'archive', expected);
  }

  @Scopes('projects:write')
  @Endpoint('POST', ':id/unarchive', {
    operation: 'unarchiveProject',
    summary: 'Take a project out of the archive (owners)',
    response: projectSchema,
    errors: [...MOVE_ERRORS, 'project_trashed'],
  })
  unarchive(
    @Ctx() ctx: CallContext,
    @Caller() caller: UserActor,
    @Param({ schema: idParam }) { id }: Id,
    @IfMatch() expected: ExpectedVersion | undefined,
  ): Promise<Project> {
    return this.projects.move(ctx, caller, id, 'unarchive', expected);
  }
}
