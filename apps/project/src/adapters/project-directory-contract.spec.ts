import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ProjectDirectory, UserDirectory } from '@nexus/contracts';
import { ANONYMOUS, uuidv7 } from '@nexus/kernel';
import {
  MemoryUserDirectory,
  openTestService,
  portContract,
  type TestService,
  testContext,
  testUser,
} from '@nexus/testing';
import { projectService } from '../index.js';
import { newProject } from '../projects/project.schemas.js';
import { ProjectsService } from '../projects/projects.service.js';
import { LocalProjectDirectory } from './project-directory.local.js';

describe('rights in projects, from the same process and from another', () => {
  const ada = testUser();
  let service: TestService;
  let projectId: string;

  beforeAll(async () => {
    service = await openTestService(projectService, { ports: [[UserDirectory, new MemoryUserDirectory()]] });
    const wanted = newProject.parse({ name: 'Engine' });
    projectId = (await service.get(ProjectsService).create(testContext(ada), ada, wanted)).id;
  });

  afterAll(() => service.close());

  const answers = (role: string | null) => (answer: unknown) => expect(answer).toEqual({ role });
  const cases = portContract(ProjectDirectory, {
    provider: () => service.get(LocalProjectDirectory),
    calls: () => [
      { method: 'access', input: { project_id: projectId }, actor: ada, check: answers('owner') },
      { method: 'access', input: { project_id: projectId }, check: answers(null) },
      { method: 'access', input: { project_id: projectId }, actor: ANONYMOUS, check: answers(null) },
      { method: 'access', input: { project_id: uuidv7() }, actor: ada, check: answers(null) },
    ],
  });
  test.each(cases)('$name', ({ run }) => run());
});
