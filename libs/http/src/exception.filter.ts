import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import type { Logger } from '@nexus/observability';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { writeError } from './answer.js';
import { exchangeOf } from './exchange.js';
import { toAppError } from './to-app-error.js';

/** Turns whatever a handler, guard, pipe or parser threw into the one error format. */
@Catch()
export class NexusExceptionFilter implements ExceptionFilter {
  constructor(private readonly logger: Logger) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const reply = http.getResponse<FastifyReply>();
    const exchange = exchangeOf(http.getRequest<FastifyRequest>().raw);
    const error = toAppError(thrown);
    if (error.status >= 500) {
      this.logger.error(error.status === 500 ? 'A request crashed' : 'A request could not be served', {
        'http.request.id': exchange.id,
        'trace.id': exchange.trace.traceId,
        'event.action': exchange.route?.operation,
        error: error.cause ?? error,
      });
    }
    reply.hijack();
    if (exchange.response.headersSent) {
      // Half an answer is out: the client must see that it is not whole.
      exchange.response.destroy();
      return;
    }
    writeError(exchange, error);
  }
}
