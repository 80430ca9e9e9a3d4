import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { PROJECT_ROLES, ProjectDirectory, type ProjectRole, UserDirectory } from '@nexus/contracts';
import { type AppError, type UserActor } from '@nexus/kernel';
import { openTestService, type TestService, testContext, testServiceContext, testUser } from '@nexus/testing';
import fc from 'fast-check';
import { LocalProjectDirectory } from '../adapters/project-directory.local.js';
import { projectService } from '../index.js';
import { MembersService } from '../members/members.service.js';
import { newProject, PROJECT_STATUSES } from './project.schemas.js';
import { ProjectsService } from './projects.service.js';

const PEOPLE = 4;

/** The rules in the plainest words there are: what the service and its statements are held against. */
class Model {
  visibility: 'private' | 'internal' = 'private';
  archived = false;
  trashed = false;
  readonly roles = new Map<number, ProjectRole>([[0, 'owner']]);

  role(who: number): ProjectRole | null {
    const role = this.roles.get(who) ?? null;
    if (this.trashed) return role === 'owner' ? role : null;
    return role ?? (this.visibility === 'internal' ? 'viewer' : null);
  }

  content(who: number): ProjectRole | null {
    if (this.trashed) return null;
    return this.archived && this.role(who) ? 'viewer' : this.role(who);
  }

  status() {
    return this.trashed ? 'trashed' : this.archived ? 'archived' : 'active';
  }

  lists(who: number, status: string | undefined): boolean {
    const role = this.roles.get(who);
    if (status === 'trashed') return this.trashed && role === 'owner';
    return !this.trashed && role !== undefined && (status === undefined || status === this.status());
  }

  private may(who: number, least: ProjectRole): string | undefined {
    const role = this.role(who);
    if (role === null) return 'project_not_found';
    return PROJECT_ROLES.indexOf(role) < PROJECT_ROLES.indexOf(least) ? 'project_role_too_low' : undefined;
  }

  /** Does what is asked. @returns the reason why not */
  apply({ kind, by, target, role }: Step): string | undefined {
    const least =
      kind === 'show' || kind === 'hide' ? 'editor' : kind === 'remove' && by === target ? 'viewer' : 'owner';
    const refused = this.may(by, least);
    if (refused) return refused;
    if (kind === 'trash' || kind === 'restore') {
      this.trashed = kind === 'trash';
      return undefined;
    }
    if (this.trashed) return 'project_trashed';
    if (kind === 'archive' || kind === 'unarchive') this.archived = kind === 'archive';
    else if (kind === 'put' || kind === 'remove') return this.setRole(target, kind === 'put' ? role : undefined);
    else if (this.archived) return 'project_archived';
    else this.visibility = kind === 'show' ? 'internal' : 'private';
    return undefined;
  }

  private setRole(target: number, role: ProjectRole | undefined): string | undefined {
    const known = this.roles.get(target);
    if (!known && !role) return 'member_not_found';
    const owners = [...this.roles.values()].filter((other) => other === 'owner').length;
    if (known === 'owner' && role !== 'owner' && owners === 1) return 'last_owner';
    if (role) this.roles.set(target, role);
    else this.roles.delete(target);
    return undefined;
  }
}

interface Step {
  readonly kind: 'show' | 'hide' | 'archive' | 'unarchive' | 'trash' | 'restore' | 'put' | 'remove';
  readonly by: number;
  readonly target: number;
  readonly role: ProjectRole;
}

// Mostly the first two people act, so that more than refusals happens.
const person = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 1 }) },
  fc.integer({ min: 0, max: PEOPLE - 1 }),
);
const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom<Step['kind'][]>(
    ...(['show', 'hide', 'archive', 'unarchive', 'trash', 'restore', 'put', 'put', 'put', 'remove'] as const),
  ),
  by: person,
  target: person,
  role: fc.constantFrom(...PROJECT_ROLES),
});

async function reason(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    return (error as AppError).code;
  }
}

describe('who sees and does what', () => {
  let service: TestService;
  let projects: ProjectsService;
  let members: MembersService;
  let directory: LocalProjectDirectory;

  beforeAll(async () => {
    const find = async (_: unknown, { ids }: { ids: string[] }) => ({
      users: ids.map((id) => ({ id, status: 'active', name: id })),
    });
    service = await openTestService(projectService, { ports: [[UserDirectory, { find }]] });
    projects = service.get(ProjectsService);
    members = service.get(MembersService);
    directory = service.get(LocalProjectDirectory);
  });

  afterAll(() => service.close());

  function run(people: readonly UserActor[], id: string, { kind, by, target, role }: Step): Promise<unknown> {
    const actor = people[by] as UserActor;
    const ctx = testContext(actor);
    const param = { id, user_id: (people[target] as UserActor).id };
    if (kind === 'put') return members.put(ctx, actor, param, role);
    if (kind === 'remove') return members.remove(ctx, actor, param);
    if (kind === 'show') return projects.update(ctx, actor, id, { visibility: 'internal' });
    if (kind === 'hide') return projects.update(ctx, actor, id, { visibility: 'private' });
    return projects.move(ctx, actor, id, kind);
  }

  async function compare(model: Model, people: readonly UserActor[], id: string): Promise<void> {
    for (const [who, actor] of people.entries()) {
      const seen = await projects.read(actor, id).catch(() => null);
      expect(seen && { role: seen.role, status: seen.status }).toEqual(
        model.role(who) && { role: model.role(who), status: model.status() },
      );
      const access = await directory.access(testContext(actor), { project_id: id });
      expect(access.role).toBe(model.content(who));
      for (const status of [undefined, ...PROJECT_STATUSES]) {
        const page = await projects.list(actor, { limit: 20, sort: '-created_at', ...(status ? { status } : {}) });
        expect(page.total).toBe(page.items.length);
        expect(page.items.map((item) => item.id)).toEqual(model.lists(who, status) ? [id] : []);
      }
    }
  }

  it('is what the model says, whatever is done in whatever order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 14 }), async (steps) => {
        const people = Array.from({ length: PEOPLE }, () => testUser());
        const creator = people[0] as UserActor;
        const made = await projects.create(testContext(creator), creator, newProject.parse({ name: 'Engine' }));
        const model = new Model();
        for (const one of steps) {
          expect([one, await reason(run(people, made.id, one))]).toEqual([one, model.apply(one)]);
        }
        await compare(model, people, made.id);
      }),
      { numRuns: 60 },
    );
  });

  it('is told to other services through JSON as the contract says', async () => {
    const { input, output, serviceActor } = ProjectDirectory.port.methods.access;
    const ada = testUser();
    const { id } = await projects.create(testContext(ada), ada, newProject.parse({ name: 'Engine' }));
    const wire = (value: unknown) => JSON.parse(JSON.stringify(value)) as unknown;
    const ask = async (ctx: Parameters<LocalProjectDirectory['access']>[0], project_id: string) =>
      output.parse(wire(await directory.access(ctx, input.parse(wire({ project_id })))));
    expect(await ask(testContext(ada), id)).toEqual({ role: 'owner' });
    expect(await ask(testContext(testUser()), id)).toEqual({ role: null });
    expect(await ask(testContext(ada), testUser().id)).toEqual({ role: null });
    expect(await ask(testContext({ kind: 'anonymous' }), id)).toEqual({ role: null });
    expect(await ask(testServiceContext('file'), id)).toEqual({ role: null });
    expect(serviceActor).toBe(false);
  });
});
