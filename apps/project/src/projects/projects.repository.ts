import { Injectable } from '@nestjs/common';
import type { ProjectRole } from '@nexus/contracts';
import { Conditions, Database, type KeysetList, keysetPage, prefixQuery, type Sql, searchWords } from '@nexus/database';
import type { Page } from '@nexus/kernel';
import type { NewProject, PROJECT_SORTS, ProjectQuery } from './project.schemas.js';

export interface ProjectRow {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly visibility: 'private' | 'internal';
  readonly tags: string[];
  readonly metadata: Record<string, unknown>;
  readonly owner_id: string;
  readonly version: number;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly archived_at: Date | null;
  readonly trashed_at: Date | null;
}

/** A project and the role of one person in it. */
export interface ProjectForUser extends ProjectRow {
  readonly role: ProjectRole | null;
}

/** What rights depend on. */
export interface AccessRow {
  readonly visibility: ProjectRow['visibility'];
  readonly archived_at: Date | null;
  readonly trashed_at: Date | null;
  readonly role: ProjectRole | null;
}

const COLUMNS = `p.id, p.name, p.description, p.visibility, p.tags, p.metadata, p.owner_id, p.version, p.created_at,
  p.updated_at, p.archived_at, p.trashed_at`;
// What has been in the trash for longer is gone, also before the sweep has come by.
const KEPT = `p.trashed_at > now() - interval '30 days'`;
const THERE = `(p.trashed_at IS NULL OR ${KEPT})`;
const WITH_MEMBERSHIP = 'LEFT JOIN project.members m ON m.project_id = p.id AND m.user_id = $2';

const FIND = `SELECT ${COLUMNS}, m.role FROM project.projects p ${WITH_MEMBERSHIP} WHERE p.id = $1 AND ${THERE}`;
const ACCESS = `SELECT p.visibility, p.archived_at, p.trashed_at, m.role FROM project.projects p ${WITH_MEMBERSHIP}
  WHERE p.id = $1 AND ${THERE}`;
const LOCK = `SELECT ${COLUMNS} FROM project.projects p WHERE p.id = $1 AND ${THERE} FOR NO KEY UPDATE`;
const ROLE = 'SELECT role FROM project.members WHERE project_id = $1 AND user_id = $2';
const CREATE = `
  WITH made AS (
    INSERT INTO project.projects (id, name, description, visibility, tags, metadata, owner_id, search)
    VALUES ($1, $2, $3, $4, $5, $6, $7, array_to_tsvector($8::text[])) RETURNING created_at
  ), owner AS (
    INSERT INTO project.members (project_id, user_id, role, added_by) VALUES ($1, $7, 'owner', $7)
  ) SELECT created_at FROM made`;
const UPDATE = `
  UPDATE project.projects p SET name = $2, description = $3, visibility = $4, tags = $5, metadata = $6,
    search = array_to_tsvector($7::text[]), version = version + 1, updated_at = now()
  WHERE id = $1 RETURNING ${COLUMNS}`;
const UPDATE_STATE = `
  UPDATE project.projects p SET archived_at = CASE WHEN $2 THEN coalesce(archived_at, now()) END,
    trashed_at = CASE WHEN $3 THEN coalesce(trashed_at, now()) END, version = version + 1, updated_at = now()
  WHERE id = $1 RETURNING ${COLUMNS}`;
const BUMP_MEMBERS = `
  UPDATE project.projects SET members_version = members_version + 1, owner_id = $2 WHERE id = $1 RETURNING members_version`;
const PURGE = `
  DELETE FROM project.projects WHERE id IN (
    SELECT p.id FROM project.projects p WHERE p.trashed_at IS NOT NULL AND NOT (${KEPT})
    ORDER BY p.trashed_at LIMIT $1 FOR UPDATE SKIP LOCKED
  ) RETURNING id`;

const NAME = 'lower(p.name) COLLATE "C"';
const LIST: KeysetList<(typeof PROJECT_SORTS)[number]> = {
  select: `${COLUMNS}, m.role`,
  from: 'project.members m JOIN project.projects p ON p.id = m.project_id',
  id: 'p.id',
  orders: {
    created_at: { sql: 'p.created_at', type: 'timestamptz' },
    '-created_at': { sql: 'p.created_at', type: 'timestamptz', descending: true },
    updated_at: { sql: 'p.updated_at', type: 'timestamptz' },
    '-updated_at': { sql: 'p.updated_at', type: 'timestamptz', descending: true },
    name: { sql: NAME, type: 'text' },
    '-name': { sql: NAME, type: 'text', descending: true },
  },
};

const IN_STATUS: Readonly<Record<NonNullable<ProjectQuery['status']> | 'any', string>> = {
  any: 'p.trashed_at IS NULL',
  active: 'p.trashed_at IS NULL AND p.archived_at IS NULL',
  archived: 'p.trashed_at IS NULL AND p.archived_at IS NOT NULL',
  trashed: `${KEPT} AND m.role = 'owner'`,
};

function wordsOf({ name, description, tags }: Pick<ProjectRow, 'name' | 'description' | 'tags'>): string[] {
  return searchWords(`${name} ${description ?? ''} ${tags.join(' ')}`);
}

/** Rows of `project.projects`. */
@Injectable()
export class ProjectsRepository {
  constructor(private readonly db: Database) {}

  /** One statement: the project and this person's role in it. */
  async find(id: string, userId: string): Promise<ProjectForUser | undefined> {
    return (await this.db.prepared<ProjectForUser>(FIND, [id, userId]))[0];
  }

  async access(id: string, userId: string): Promise<AccessRow | undefined> {
    return (await this.db.prepared<AccessRow>(ACCESS, [id, userId]))[0];
  }

  /** The projects of which this person is a member. */
  list(userId: string, query: ProjectQuery): Promise<Page<ProjectForUser>> {
    const where = new Conditions().add((user) => `m.user_id = ${user}`, userId).and(IN_STATUS[query.status ?? 'any']);
    if (query.visibility) where.add((visibility) => `p.visibility = ${visibility}`, query.visibility);
    if (query.tag) where.add((tag) => `${tag}::text = ANY (p.tags)`, query.tag);
    if (query.q) {
      const found = prefixQuery(query.q);
      if (found === undefined) where.and('false');
      else where.add((words) => `p.search @@ ${words}::tsquery`, found);
    }
    return keysetPage<ProjectForUser, (typeof PROJECT_SORTS)[number]>(this.db, LIST, where, query);
  }

  /** Writes the project and its owner's membership. @returns when it was created */
  async create(tx: Sql, id: string, ownerId: string, project: NewProject): Promise<Date> {
    const { name, description, visibility, tags, metadata } = project;
    const values = [id, name, description, visibility, tags, JSON.stringify(metadata), ownerId, wordsOf(project)];
    const [row] = await tx.prepared<{ created_at: Date }>(CREATE, values);
    return (row as { created_at: Date }).created_at;
  }

  /**
   * Locks the project, its members included, until the end of the transaction, and then reads the person's role: in a
   * statement of its own, since one that waited for the lock would still see the members of before.
   */
  async lock(tx: Sql, id: string, userId: string): Promise<ProjectForUser | undefined> {
    const [row] = await tx.prepared<ProjectRow>(LOCK, [id]);
    if (!row) return undefined;
    const [member] = await tx.prepared<{ role: ProjectRole }>(ROLE, [id, userId]);
    return { ...row, role: member?.role ?? null };
  }

  async update(tx: Sql, project: ProjectRow): Promise<ProjectRow> {
    const { id, name, description, visibility, tags, metadata } = project;
    const values = [id, name, description, visibility, tags, JSON.stringify(metadata), wordsOf(project)];
    return (await tx.prepared<ProjectRow>(UPDATE, values))[0] as ProjectRow;
  }

  async updateState(tx: Sql, id: string, state: { archived: boolean; trashed: boolean }): Promise<ProjectRow> {
    return (await tx.prepared<ProjectRow>(UPDATE_STATE, [id, state.archived, state.trashed]))[0] as ProjectRow;
  }

  /** Notes a change of the members. @returns the new version of the membership */
  async membersChanged(tx: Sql, id: string, ownerId: string): Promise<number> {
    const [row] = await tx.prepared<{ members_version: number }>(BUMP_MEMBERS, [id, ownerId]);
    return (row as { members_version: number }).members_version;
  }

  /** Removes projects whose 30 days in the trash are over. @returns their ids, at most `limit` */
  async purge(tx: Sql, limit: number): Promise<string[]> {
    return (await tx.prepared<{ id: string }>(PURGE, [limit])).map((row) => row.id);
  }
}
