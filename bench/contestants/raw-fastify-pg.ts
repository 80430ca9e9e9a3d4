import { createHmac, randomUUID } from 'node:crypto';
import { verify } from '@node-rs/argon2';
import { type FastifyRequest, fastify } from 'fastify';
import { Pool, type PoolClient, type QueryResultRow } from 'pg';
import { contestantEnvironment, required, stopOnSigterm } from './serving.ts';
import {
  CREATE_PROJECT,
  FIND_ACCOUNT,
  FIND_PROFILES,
  INSERT_AUDIT,
  INSERT_SESSION,
  LIST_PROJECTS,
  LOCK_FAILURES,
  type ProjectRow,
  READ_FAILURES,
  READ_PROJECT,
  SHARE_ACCOUNT,
  type Statement,
} from './statements.ts';

/**
 * (c) Fastify and pg without anything else: the statements of Nexus on its own tables, sent by hand over a pool of ten
 * connections. No credentials are checked, nothing is limited, validated, logged or measured.
 */

interface NewProject {
  name: string;
  description?: string;
  visibility?: string;
  tags?: string[];
  metadata?: Record<string, unknown>;
}

const DAY_MS = 24 * 60 * 60 * 1000;

const { host, port, answers } = contestantEnvironment();
const reader = required('BENCH_READER');
const creator = required('BENCH_CREATOR');
const pool = new Pool({ connectionString: required('BENCH_DATABASE_URL'), max: 10 });
const app = fastify({ logger: false });

function project(row: ProjectRow): Record<string, unknown> {
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    visibility: row.visibility,
    tags: row.tags,
    metadata: row.metadata,
    status: row.trashed_at !== null ? 'trashed' : row.archived_at !== null ? 'archived' : 'active',
    owner_id: row.owner_id,
    role: row.role,
    version: row.version,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
    archived_at: row.archived_at,
    trashed_at: row.trashed_at,
  };
}

/** A UUID version 7, which both sides use for keys: in the index they follow one another. */
function uuidv7(): string {
  const time = Date.now().toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}

async function run<R extends QueryResultRow>(
  client: Pool | PoolClient,
  { name, text }: Statement<R>,
  values: unknown[],
): Promise<R[]> {
  return (await client.query<R>({ name, text, values })).rows;
}

async function inTransaction<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query('START TRANSACTION');
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
}

interface AuditEntry {
  service: string;
  action: string;
  actorKind: string;
  actor: string;
  target: [type: string, id: string];
  details: object;
}

async function audit(client: PoolClient, request: FastifyRequest, requestId: string, entry: AuditEntry): Promise<void> {
  const { service, action, actorKind, actor, target, details } = entry;
  const traceId = requestId.replaceAll('-', '');
  await run(client, INSERT_AUDIT, [
    ...[uuidv7(), service, action, 'success', actorKind, actor, ...target],
    ...[request.ip, request.headers['user-agent'] ?? null, requestId, traceId, JSON.stringify(details)],
  ]);
}

app.get<{ Params: { id: string } }>('/api/v1/projects/:id', async (request, reply) => {
  const [row] = await run(pool, READ_PROJECT, [request.params.id, reader]);
  if (row === undefined) return reply.code(404).send({ success: false });
  return { success: true, data: project(row), request_id: randomUUID() };
});

app.get<{ Querystring: { limit?: string } }>('/api/v1/projects', async (request) => {
  const limit = Number(request.query.limit ?? 20);
  const rows = await run(pool, LIST_PROJECTS, [reader, limit + 1]);
  const last = rows.length > limit ? rows[limit - 1] : undefined;
  const cursor = last && Buffer.from(JSON.stringify([1, '-created_at', last.sort_key, last.id])).toString('base64url');
  return {
    success: true,
    data: rows.slice(0, limit).map(project),
    page: { limit, next_cursor: cursor ?? null, total: rows[0]?.total ?? 0 },
    request_id: randomUUID(),
  };
});

app.post<{ Body: NewProject }>('/api/v1/projects', async (request, reply) => {
  const { name, description = null, visibility = 'private', tags = [], metadata = {} } = request.body;
  const id = uuidv7();
  const requestId = randomUUID();
  const words = `${name} ${description ?? ''} ${tags.join(' ')}`.toLowerCase().match(/[a-z0-9]+/g);
  const values = [id, name, description, visibility, tags, JSON.stringify(metadata), creator, [...new Set(words)]];
  const at = await inTransaction(async (client) => {
    const [created] = await run(client, CREATE_PROJECT, values);
    if (created === undefined) throw new Error('INSERT returned nothing');
    await audit(client, request, requestId, {
      ...{ service: 'project', action: 'project.created', actorKind: 'user', actor: creator },
      target: ['project', id],
      details: { visibility },
    });
    return created.created_at;
  });
  const dates = { created_at: at, updated_at: at, archived_at: null, trashed_at: null };
  const row = { id, name, description, visibility, tags, metadata, owner_id: creator, role: 'owner', version: 1 };
  reply.code(201).header('location', `/api/v1/projects/${id}`);
  return { success: true, data: project({ ...row, ...dates }), request_id: requestId };
});

app.post<{ Body: { email: string; password: string } }>('/api/v1/auth/login', async (request, reply) => {
  const { email, password } = request.body;
  const digest = createHmac('sha256', 'bench').update(email).digest();
  const requestId = randomUUID();
  const [account] = await run(pool, FIND_ACCOUNT, [email]);
  await run(pool, READ_FAILURES, [digest]);
  if (account === undefined || !(await verify(account.passwordHash, password))) {
    return reply.code(401).send({ success: false });
  }
  await inTransaction(async (client) => {
    await run(client, SHARE_ACCOUNT, [account.id]);
    await run(client, LOCK_FAILURES, [digest]);
    const now = Date.now();
    const [short, long, access] = [7 * DAY_MS, 30 * DAY_MS, 900_000].map((ms) => new Date(now + ms));
    const device = [request.ip, request.headers['user-agent'] ?? null];
    const values = [uuidv7(), account.id, ['pwd'], ...device, new Date(now), short, long, access];
    const [session] = await run(client, INSERT_SESSION, values);
    if (session === undefined) throw new Error('INSERT returned nothing');
    await audit(client, request, requestId, {
      ...{ service: 'auth', action: 'session.start', actorKind: 'anonymous', actor: account.id },
      target: ['session', session.id],
      details: { account: account.id, methods: 'pwd' },
    });
  });
  await run(pool, FIND_PROFILES, [[account.id]]);
  return { ...answers.login, request_id: requestId };
});

app.get('/health/ready', async () => {
  await pool.query('SELECT 1');
  return { status: 'ok' };
});

await app.listen({ host, port });
stopOnSigterm(async () => {
  await app.close();
  await pool.end();
});
