import { randomUUID } from 'node:crypto';
import { verify } from '@node-rs/argon2';
import { type FastifyRequest, fastify } from 'fastify';
import { Pool, type PoolClient, type QueryResultRow } from 'pg';
import { contestantEnvironment, required, stopOnSigterm } from './serving.ts';
import {
  COUNT_PROJECTS,
  FIND_ACCOUNT,
  INSERT_AUDIT,
  INSERT_MEMBER,
  INSERT_PROJECT,
  INSERT_SESSION,
  LIST_PROJECTS,
  type ProjectRow,
  READ_PROJECT,
  type Statement,
} from './statements.ts';

/**
 * (c) Fastify and pg without anything else: the statements of Nexus, sent by hand over a pool of ten connections. No
 * credentials are checked, nothing is limited, validated, logged or measured.
 */

interface NewProject {
  name: string;
  description?: string;
  visibility?: string;
  tags?: string[];
  metadata?: Record<string, unknown>;
}

const { host, port, answers } = contestantEnvironment();
const reader = required('BENCH_READER');
const creator = required('BENCH_CREATOR');
const pool = new Pool({ connectionString: required('BENCH_DATABASE_URL'), max: 10 });
const app = fastify({ logger: false });
/** The members of a project's answer in the order of Nexus, so that both answers have the same shape and size. */
const fields = Object.keys(answers['cached-get'].data as object);

function project(row: ProjectRow): Record<string, unknown> {
  const all: Record<string, unknown> = {
    ...row,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  };
  const answer: Record<string, unknown> = {};
  for (const field of fields) answer[field] = all[field] ?? null;
  return answer;
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
    await client.query('BEGIN');
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

app.get<{ Params: { id: string } }>('/api/v1/projects/:id', async (request, reply) => {
  const [row] = await run(pool, READ_PROJECT, [request.params.id, reader]);
  if (row === undefined) return reply.code(404).send({ success: false });
  return { success: true, data: project(row), request_id: randomUUID() };
});

app.get<{ Querystring: { limit?: string } }>('/api/v1/projects', async (request) => {
  const limit = Number(request.query.limit ?? 20);
  const [rows, counts] = await Promise.all([
    run(pool, LIST_PROJECTS, [reader, limit + 1]),
    run(pool, COUNT_PROJECTS, [reader]),
  ]);
  const last = rows.length > limit ? rows[limit - 1] : undefined;
  const cursor =
    last && Buffer.from(JSON.stringify([1, '-created_at', last.created_at, last.id])).toString('base64url');
  return {
    success: true,
    data: rows.slice(0, limit).map(project),
    page: { limit, next_cursor: cursor ?? null, total: counts[0]?.total ?? 0 },
    request_id: randomUUID(),
  };
});

app.post<{ Body: NewProject }>('/api/v1/projects', async (request, reply) => {
  const { name, description = null, visibility = 'private', tags = [], metadata = {} } = request.body;
  const audit = auditContext(request);
  const row = await inTransaction(async (client) => {
    const [created] = await run(client, INSERT_PROJECT, [name, description, visibility, tags, metadata, creator]);
    if (created === undefined) throw new Error('INSERT returned nothing');
    await run(client, INSERT_MEMBER, [created.id, creator]);
    await run(client, INSERT_AUDIT, [
      ...['project', 'project.created', creator, 'project', created.id],
      ...audit.values,
      { name, visibility },
    ]);
    return { ...created, role: 'owner' };
  });
  reply.code(201).header('location', `/api/v1/projects/${row.id}`);
  return { success: true, data: project(row), request_id: audit.requestId };
});

app.post<{ Body: { email: string; password: string } }>('/api/v1/auth/login', async (request, reply) => {
  const { email, password } = request.body;
  const [account] = await run(pool, FIND_ACCOUNT, [email]);
  if (account === undefined || !(await verify(account.password_hash, password))) {
    return reply.code(401).send({ success: false });
  }
  const audit = auditContext(request);
  await inTransaction(async (client) => {
    const device = request.headers['user-agent'] ?? null;
    const [session] = await run(client, INSERT_SESSION, [account.id, request.ip, device]);
    await run(client, INSERT_AUDIT, [
      'auth',
      'session.started',
      account.id,
      'session',
      session?.id,
      ...audit.values,
      {},
    ]);
  });
  return { ...answers.login, request_id: audit.requestId };
});

/** What an audit record tells about its request: address, user agent, request id, trace id. */
function auditContext(request: FastifyRequest): { requestId: string; values: unknown[] } {
  const requestId = randomUUID();
  const traceId = requestId.replaceAll('-', '');
  return { requestId, values: [request.ip, request.headers['user-agent'] ?? null, requestId, traceId] };
}

app.get('/health/ready', async () => {
  await pool.query('SELECT 1');
  return { status: 'ok' };
});

await app.listen({ host, port });
stopOnSigterm(async () => {
  await app.close();
  await pool.end();
});
