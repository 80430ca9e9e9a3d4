import { describe, expect, it } from '@jest/globals';
import { PROJECT_ROLES, type ProjectRole } from '@nexus/contracts';
import type { AppError } from '@nexus/kernel';
import {
  authorise,
  contentRole,
  PROJECT_POLICY,
  type ProjectAction,
  type ProjectFacts,
} from './project-policy.service.js';

const AT = new Date('2026-01-01T00:00:00.000Z');
const STATES: Readonly<Record<string, ProjectFacts>> = {
  private: { visibility: 'private', archived_at: null, trashed_at: null },
  internal: { visibility: 'internal', archived_at: null, trashed_at: null },
  archived: { visibility: 'private', archived_at: AT, trashed_at: null },
  'archived, internal': { visibility: 'internal', archived_at: AT, trashed_at: null },
  trashed: { visibility: 'private', archived_at: null, trashed_at: AT },
  'trashed, internal': { visibility: 'internal', archived_at: AT, trashed_at: AT },
};
const PEOPLE: readonly (ProjectRole | null)[] = [null, ...PROJECT_ROLES];

const NOT_FOUND = 'project_not_found';
const TOO_LOW = 'project_role_too_low';
const ARCHIVED = 'project_archived';
const TRASHED = 'project_trashed';

/** Outcome for nobody, viewer, editor, owner: written down by hand, as the product's people would say it. */
const EXPECTED: Readonly<Record<string, Readonly<Partial<Record<ProjectAction, readonly string[]>>>>> = {
  private: {
    'project.read': [NOT_FOUND, 'viewer', 'editor', 'owner'],
    'project.update': [NOT_FOUND, TOO_LOW, 'editor', 'owner'],
    'project.archive': [NOT_FOUND, TOO_LOW, TOO_LOW, 'owner'],
    'project.unarchive': [NOT_FOUND, TOO_LOW, TOO_LOW, 'owner'],
    'project.trash': [NOT_FOUND, TOO_LOW, TOO_LOW, 'owner'],
    'project.restore': [NOT_FOUND, TOO_LOW, TOO_LOW, 'owner'],
    'members.read': [NOT_FOUND, 'viewer', 'editor', 'owner'],
    'members.manage': [NOT_FOUND, TOO_LOW, TOO_LOW, 'owner'],
    'members.leave': [NOT_FOUND, 'viewer', 'editor', 'owner'],
  },
  internal: {
    'project.read': ['viewer', 'viewer', 'editor', 'owner'],
    'project.update': [TOO_LOW, TOO_LOW, 'editor', 'owner'],
    'project.trash': [TOO_LOW, TOO_LOW, TOO_LOW, 'owner'],
    'members.read': ['viewer', 'viewer', 'editor', 'owner'],
    'members.manage': [TOO_LOW, TOO_LOW, TOO_LOW, 'owner'],
  },
  archived: {
    'project.read': [NOT_FOUND, 'viewer', 'editor', 'owner'],
    'project.update': [NOT_FOUND, TOO_LOW, ARCHIVED, ARCHIVED],
    'project.unarchive': [NOT_FOUND, TOO_LOW, TOO_LOW, 'owner'],
    'project.trash': [NOT_FOUND, TOO_LOW, TOO_LOW, 'owner'],
    'members.manage': [NOT_FOUND, TOO_LOW, TOO_LOW, 'owner'],
    'members.leave': [NOT_FOUND, 'viewer', 'editor', 'owner'],
  },
  'archived, internal': { 'project.read': ['viewer', 'viewer', 'editor', 'owner'] },
  trashed: {
    'project.read': [NOT_FOUND, NOT_FOUND, NOT_FOUND, 'owner'],
    'project.update': [NOT_FOUND, NOT_FOUND, NOT_FOUND, TRASHED],
    'project.archive': [NOT_FOUND, NOT_FOUND, NOT_FOUND, TRASHED],
    'project.unarchive': [NOT_FOUND, NOT_FOUND, NOT_FOUND, TRASHED],
    'project.trash': [NOT_FOUND, NOT_FOUND, NOT_FOUND, 'owner'],
    'project.restore': [NOT_FOUND, NOT_FOUND, NOT_FOUND, 'owner'],
    'members.read': [NOT_FOUND, NOT_FOUND, NOT_FOUND, 'owner'],
    'members.manage': [NOT_FOUND, NOT_FOUND, NOT_FOUND, TRASHED],
    'members.leave': [NOT_FOUND, NOT_FOUND, NOT_FOUND, TRASHED],
  },
  'trashed, internal': {
    'project.read': [NOT_FOUND, NOT_FOUND, NOT_FOUND, 'owner'],
    'project.update': [NOT_FOUND, NOT_FOUND, NOT_FOUND, TRASHED],
  },
};

function outcome(project: ProjectFacts | undefined, membership: ProjectRole | null, action: ProjectAction): string {
  try {
    return authorise(project, membership, action);
  } catch (error) {
    return (error as AppError).code;
  }
}

describe('rights in a project', () => {
  const cases = Object.entries(EXPECTED).flatMap(([state, actions]) =>
    Object.entries(actions).map(([action, outcomes]) => ({ state, action: action as ProjectAction, outcomes })),
  );

  it.each(cases)('$state: $action', ({ state, action, outcomes }) => {
    const project = STATES[state] as ProjectFacts;
    expect(PEOPLE.map((membership) => outcome(project, membership, action))).toEqual(outcomes);
  });

  it('are decided for every action of a private project and of one in the trash', () => {
    const actions = Object.keys(PROJECT_POLICY).sort();
    expect(Object.keys(EXPECTED.private!).sort()).toEqual(actions);
    expect(Object.keys(EXPECTED.trashed!).sort()).toEqual(actions);
  });

  it('do not exist where there is no project', () => {
    for (const action of Object.keys(PROJECT_POLICY)) {
      expect(outcome(undefined, 'owner', action as ProjectAction)).toBe(NOT_FOUND);
    }
  });

  it.each([
    ['private', [null, 'viewer', 'editor', 'owner']],
    ['internal', ['viewer', 'viewer', 'editor', 'owner']],
    ['archived', [null, 'viewer', 'viewer', 'viewer']],
    ['archived, internal', ['viewer', 'viewer', 'viewer', 'viewer']],
    ['trashed', [null, null, null, null]],
    ['trashed, internal', [null, null, null, null]],
  ])('over what lies in it: %s', (state, roles) => {
    expect(PEOPLE.map((membership) => contentRole(STATES[state] as ProjectFacts, membership))).toEqual(roles);
  });
});
