import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { EncodedAnswer } from '@nexus/caching';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { from, lastValueFrom, type Observable } from 'rxjs';
import { exchangeOf } from './exchange.js';
import { type Idempotency, idempotencyKey } from './idempotency.js';

/** {@link Idempotency} for routes that go through Nest's pipeline. */
@Injectable()
export class IdempotencyInterceptor implements NestInterceptor {
  constructor(private readonly idempotency: Idempotency) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const http = context.switchToHttp();
    const { raw, body } = http.getRequest<FastifyRequest>();
    const exchange = exchangeOf(raw);
    const key = idempotencyKey(exchange);
    if (key === undefined) return next.handle();
    const reply = http.getResponse<FastifyReply>();
    const work = async () => {
      const value: unknown = await lastValueFrom(next.handle(), { defaultValue: undefined });
      return { status: reply.statusCode, answer: value instanceof EncodedAnswer ? value : undefined };
    };
    const once = this.idempotency.once(exchange, key, body, work).then(({ status, answer }) => {
      reply.status(status);
      return answer;
    });
    return from(once);
  }
}
