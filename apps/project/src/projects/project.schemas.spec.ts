import { describe, expect, it } from '@jest/globals';
import { keyShape } from '@nexus/http';
import { newProject, projectPatch, projectQuery } from './project.schemas.js';

describe('a new project', () => {
  it('has its defaults, and none of them is shared', () => {
    const made = newProject.parse({ name: 'Engine' });
    expect(made).toEqual({ name: 'Engine', description: null, visibility: 'private', tags: [], metadata: {} });
    expect(newProject.parse({ name: 'Engine' }).metadata).not.toBe(made.metadata);
  });

  it('keeps its tags in order and counts doubles once', () => {
    const tags = ['b', ' a ', 'b', ...Array.from({ length: 17 }, (_, i) => `t${i}`), 'a'];
    expect(newProject.safeParse({ name: 'x', tags }).error?.issues[0]).toMatchObject({
      code: 'too_big',
      path: ['tags'],
    });
    expect(newProject.parse({ name: 'x', tags: tags.slice(0, 20) }).tags.slice(0, 3)).toEqual(['b', 'a', 't0']);
  });

  it.each([
    {},
    { name: '' },
    { name: 'x'.repeat(201) },
    { name: 'a\u0000b' },
    { name: 'x', description: 'x'.repeat(4001) },
    { name: 'x', visibility: 'public' },
    { name: 'x', tags: 'a' },
    { name: 'x', tags: [''] },
    { name: 'x', tags: ['x'.repeat(51)] },
    { name: 'x', tags: Array.from({ length: 21 }, (_, i) => `t${i}`) },
    { name: 'x', metadata: [] },
    { name: 'x', metadata: { big: 'x'.repeat(16 * 1024) } },
    { name: 'x', metadata: { n: Number.POSITIVE_INFINITY } },
    { name: 'x', owner_id: '01920000-0000-7000-8000-000000000000' },
    { name: 'x', status: 'archived' },
    { name: 'x', version: 2 },
  ])('is refused as %j', (body) => {
    expect(newProject.safeParse(body).success).toBe(false);
  });

  it('lets normalisation see its own keys and not those of the client', () => {
    expect(keyShape(newProject)).toMatchObject({
      kind: 'object',
      keys: { name: { kind: 'string' }, tags: { kind: 'array' }, metadata: { kind: 'opaque' } },
    });
  });
});

describe('a change of a project', () => {
  it('adds nothing to what is asked', () => {
    expect(projectPatch.parse({})).toEqual({});
    expect(projectPatch.parse({ description: null })).toEqual({ description: null });
  });

  it.each([{ name: null }, { tags: null }, { metadata: null }, { archived_at: null }])('is refused as %j', (body) => {
    expect(projectPatch.safeParse(body).success).toBe(false);
  });
});

describe('a query of projects', () => {
  it.each([
    { status: 'gone' },
    { sort: 'size' },
    { visibility: 'public' },
    { limit: '1000' },
    { owner: 'x' },
  ])('is refused as %j', (query) => {
    expect(projectQuery.safeParse(query).success).toBe(false);
  });
});
