import { FastifyAdapter } from '@nestjs/platform-fastify';
import { EncodedAnswer } from '@nexus/caching';
import type { FastifyReply } from 'fastify';
import { sendEncoded } from './encode-answer.js';
import { exchangeOf } from './exchange.js';

/**
 * Nest on Fastify, except that an {@link EncodedAnswer} is written straight to the socket: it is final, and the
 * reply pipeline would only look at it again.
 */
export class NexusFastifyAdapter extends FastifyAdapter {
  override reply(...args: Parameters<FastifyAdapter['reply']>): ReturnType<FastifyAdapter['reply']> {
    const [response, body, statusCode] = args as [FastifyReply, unknown, number | undefined];
    const exchange = exchangeOf(response.request.raw);
    const encoded = body instanceof EncodedAnswer ? body : undefined;
    if (!encoded && (body !== undefined || exchange.route?.produces !== 'json')) return super.reply(...args);
    response.hijack();
    sendEncoded(exchange, statusCode ?? response.statusCode, encoded);
    return response as ReturnType<FastifyAdapter['reply']>;
  }
}
