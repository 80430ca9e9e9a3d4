import { fastify } from 'fastify';
import { contestantEnvironment, stopOnSigterm } from './serving.ts';

const text = { type: 'string' } as const;
const textOrNull = { type: ['string', 'null'] } as const;

/** What Nexus answers with, as its contract says it. */
const PROJECT = {
  type: 'object',
  properties: {
    id: text,
    name: text,
    description: textOrNull,
    visibility: text,
    tags: { type: 'array', items: text },
    metadata: { type: 'object', additionalProperties: true },
    status: text,
    owner_id: text,
    role: text,
    version: { type: 'integer' },
    created_at: text,
    updated_at: text,
    archived_at: textOrNull,
    trashed_at: textOrNull,
  },
} as const;

const ANSWER = {
  type: 'object',
  properties: { success: { type: 'boolean' }, data: PROJECT, request_id: text },
} as const;

/** (d) Fastify as its authors advise it: one route whose JSON is written by what was compiled from its schema. */
const { host, port, answers } = contestantEnvironment();
const answer = answers['cached-get'];
const app = fastify({ logger: false });

app.get('/api/v1/projects/:id', { schema: { response: { 200: ANSWER } } }, async () => answer);
app.get('/health/ready', async () => ({ status: 'ok' }));

await app.listen({ host, port });
stopOnSigterm(() => app.close());
