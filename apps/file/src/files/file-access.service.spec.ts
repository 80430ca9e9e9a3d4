import { jest } from '@jest/globals';
import { type ProjectAccess, ProjectDirectory } from '@nexus/contracts';
import { type CallContext, errors, uuidv7 } from '@nexus/kernel';
import { testContext, testServiceContext, testUser } from '@nexus/testing';
import { FileAccess } from './file-access.service.js';

class Directory extends ProjectDirectory {
  readonly asked: { ctx: CallContext; projectId: string }[] = [];
  answer: () => Promise<ProjectAccess> = async () => ({ role: 'viewer' });

  access(ctx: CallContext, { project_id }: { project_id: string }): Promise<ProjectAccess> {
    this.asked.push({ ctx, projectId: project_id });
    return this.answer();
  }
}

const user = testUser();
const ctx = testContext(user);
const own = { owner_id: user.id, project_id: null };
const inProject = { owner_id: uuidv7(), project_id: uuidv7() };

describe('FileAccess', () => {
  let directory: Directory;
  let access: FileAccess;

  beforeEach(() => {
    directory = new Directory();
    access = new FileAccess(directory);
  });
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('lets owners do anything with files of their own, and nobody else see them', async () => {
    await access.assertFile(ctx, own, 'change');
    const notFound = { code: 'file_not_found' };
    await expect(access.assertFile(testContext(), own, 'read')).rejects.toMatchObject(notFound);
    await expect(access.assertFile(testServiceContext('file'), own, 'read')).rejects.toMatchObject(notFound);
    await expect(access.assertFile(testContext(testUser({ role: 'admin' })), own, 'read')).rejects.toMatchObject(
      notFound,
    );
    expect(directory.asked).toHaveLength(0);
  });

  it.each([
    [null, 'read', 'file_not_found'],
    [null, 'change', 'file_not_found'],
    ['viewer', 'read', undefined],
    ['viewer', 'change', 'forbidden'],
    ['editor', 'change', undefined],
    ['owner', 'change', undefined],
  ] as const)('lets the project decide about its files: %s may %s → %s', async (role, action, code) => {
    directory.answer = async () => ({ role });
    const asked = access.assertFile(ctx, { ...inProject, owner_id: user.id }, action);
    if (code) await expect(asked).rejects.toMatchObject({ code });
    else await asked;
  });

  it('believes a right for a second and not longer', async () => {
    const now = jest.spyOn(performance, 'now');
    const start = performance.now();
    now.mockReturnValue(start);
    await access.assertFile(ctx, inProject, 'read');
    now.mockReturnValue(start + 999);
    await access.assertFile(ctx, inProject, 'read');
    expect(directory.asked).toHaveLength(1);
    directory.answer = async () => ({ role: null });
    now.mockReturnValue(start + 1_001);
    await expect(access.assertFile(ctx, inProject, 'read')).rejects.toMatchObject({ code: 'file_not_found' });
    expect(directory.asked).toHaveLength(2);
  });

  it('does not believe in the absence of a right, and mixes up neither people nor projects', async () => {
    directory.answer = async () => ({ role: null });
    for (let i = 0; i < 2; i++) await access.assertFile(ctx, inProject, 'read').catch(() => undefined);
    expect(directory.asked).toHaveLength(2);
    directory.answer = async () => ({ role: 'viewer' });
    await access.assertFile(ctx, inProject, 'read');
    directory.answer = async () => ({ role: null });
    await expect(access.assertFile(testContext(), inProject, 'read')).rejects.toMatchObject({ code: 'file_not_found' });
    await expect(access.assertFile(ctx, { ...inProject, project_id: uuidv7() }, 'read')).rejects.toMatchObject({
      code: 'file_not_found',
    });
  });

  it.each([
    ['a crash', new Error('connect ECONNREFUSED 10.0.0.1')],
    ['a time-out', errors.timed_out()],
    ['a bad gateway', errors.bad_gateway()],
  ])('answers 503 when the project service fails with %s', async (_, fault) => {
    directory.answer = () => Promise.reject(fault);
    await expect(access.assertFile(ctx, inProject, 'read')).rejects.toMatchObject({
      status: 503,
      code: 'unavailable',
      message: 'The service is not available right now.',
    });
  });

  it('passes on what the project service says of the caller', async () => {
    directory.answer = () => Promise.reject(errors.session_ended());
    await expect(access.assertProject(ctx, inProject.project_id, 'read')).rejects.toMatchObject({
      code: 'session_ended',
    });
  });

  it('does not wait as long as a stream may take', async () => {
    await access.assertFile(testContext(user, { deadline: Number.MAX_SAFE_INTEGER }), inProject, 'read');
    expect(directory.asked[0]?.ctx.deadline).toBeLessThan(Date.now() + 10_000);
  });
});
