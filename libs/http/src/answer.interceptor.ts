import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { map, type Observable } from 'rxjs';
import { encodeAnswer } from './encode-answer.js';
import { endpointOf } from './endpoint.decorator.js';
import { exchangeOf } from './exchange.js';

/** {@link encodeAnswer} for routes that go through Nest's pipeline. */
@Injectable()
export class AnswerInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const endpoint = endpointOf(context.getHandler());
    if (!endpoint || (endpoint.produces ?? 'json') !== 'json') return next.handle();
    const exchange = exchangeOf(context.switchToHttp().getRequest<FastifyRequest>().raw);
    return next.handle().pipe(map((value) => encodeAnswer(endpoint, value, exchange)));
  }
}
