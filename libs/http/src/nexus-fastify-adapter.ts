import { FastifyAdapter } from '@nestjs/platform-fastify';
import { EncodedAnswer } from '@nexus/caching';
import type { FastifyReply } from 'fastify';
import { writeAnswer } from './answer.js';
import { matchesNone } from './entity-tag.js';
import { exchangeOf } from './exchange.js';

/**
 * Nest on Fastify, except that an {@link EncodedAnswer} is written straight to the socket: it is final, and the
 * reply pipeline would only look at it again.
 */
export class NexusFastifyAdapter extends FastifyAdapter {
  override reply(...args: Parameters<FastifyAdapter['reply']>): ReturnType<FastifyAdapter['reply']> {
    const [response, body, statusCode] = args as [FastifyReply, unknown, number | undefined];
    const exchange = exchangeOf(response.request.raw);
    const encoded = body instanceof EncodedAnswer;
    if (!encoded && (body !== undefined || exchange.route?.produces !== 'json')) return super.reply(...args);
    response.hijack();
    if (encoded) sendEncoded(exchange, statusCode ?? response.statusCode, body);
    else writeAnswer(exchange, statusCode ?? response.statusCode, undefined);
    return response as ReturnType<FastifyAdapter['reply']>;
  }
}

/** Writes an encoded answer: 304 when the client has it already (RFC 9110 §13.2.2). */
export function sendEncoded(exchange: ReturnType<typeof exchangeOf>, status: number, answer: EncodedAnswer): void {
  const { method, headers } = exchange.request;
  const safe = method === 'GET' || method === 'HEAD';
  const extra: string[] = ['Cache-Control', safe ? 'private, no-cache' : 'no-store'];
  if (answer.etag) extra.push('ETag', answer.etag);
  if (safe && status === 200 && answer.etag && matchesNone(headers['if-none-match'], answer.etag)) {
    writeAnswer(exchange, 304, undefined, extra);
    return;
  }
  writeAnswer(exchange, status, `${answer.head}${exchange.id}"}`, extra);
}
