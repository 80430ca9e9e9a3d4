import { fastify } from 'fastify';
import { contestantEnvironment, stopOnSigterm } from './serving.ts';

/** (a) Fastify without anything else: one route, one constant object, serialised on every request. */
const { host, port, answers } = contestantEnvironment();
const answer = answers['cached-get'];
const app = fastify({ logger: false });

app.get('/api/v1/projects/:id', async () => answer);
app.get('/health/ready', async () => ({ status: 'ok' }));

await app.listen({ host, port });
stopOnSigterm(() => app.close());
