import type { Logger } from '@nexus/observability';
import { writeError } from './answer.js';
import type { Exchange } from './exchange.js';
import { toAppError } from './to-app-error.js';

/** Answers with whatever was thrown, in the one error format; what is our fault is logged. */
export function answerFailure(logger: Logger, exchange: Exchange, thrown: unknown): void {
  const error = toAppError(thrown);
  if (error.status >= 500) {
    logger.error(error.status === 500 ? 'A request crashed' : 'A request could not be served', {
      'http.request.id': exchange.id,
      'trace.id': exchange.trace.traceId,
      'event.action': exchange.route?.operation,
      error: error.cause ?? error,
    });
  }
  if (exchange.response.headersSent) {
    // Half an answer is out: the client must see that it is not whole.
    if (!exchange.response.writableEnded) exchange.response.destroy();
    return;
  }
  writeError(exchange, error);
}
