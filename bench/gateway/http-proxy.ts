import proxy from '@fastify/http-proxy';
import { fastify } from 'fastify';
import { proxyEnvironment, stopOnSigterm } from './proxy-environment.ts';

/** What most people would take: the plugin with its defaults, and nothing else. */
const { host, port, upstream } = proxyEnvironment();
const app = fastify({ logger: false });

await app.register(proxy, { upstream: upstream.origin });
await app.listen({ host, port });
stopOnSigterm(() => app.close());
