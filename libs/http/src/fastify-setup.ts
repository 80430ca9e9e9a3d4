import type { FastifyInstance, FastifyRequest } from 'fastify';
import { exchangeOf } from './exchange.js';
import { readQuery } from './read-body.js';

/**
 * Has Fastify take the body and the query as the platform has read them; a stream stays on the raw request.
 * @param edge see {@link readBody}
 */
export function useExchange(fastify: FastifyInstance, edge: boolean): void {
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('*', (request: FastifyRequest, _payload, done) => {
    done(null, exchangeOf(request.raw).body);
  });
  fastify.addHook('preValidation', async (request) => {
    request.query = readQuery(exchangeOf(request.raw), edge);
  });
}
