import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import type { Logger } from '@nexus/observability';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { answerFailure } from './answer-failure.js';
import { exchangeOf } from './exchange.js';

/** {@link answerFailure} for what a handler, guard or pipe of Nest's pipeline threw. */
@Catch()
export class NexusExceptionFilter implements ExceptionFilter {
  constructor(private readonly logger: Logger) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    http.getResponse<FastifyReply>().hijack();
    answerFailure(this.logger, exchangeOf(http.getRequest<FastifyRequest>().raw), thrown);
  }
}
