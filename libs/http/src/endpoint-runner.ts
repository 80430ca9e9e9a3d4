import { type EncodedAnswer, keepAnswer, releaseFailed } from '@nexus/caching';
import type { Logger } from '@nexus/observability';
import { answerFailure } from './answer-failure.js';
import { encodeAnswer, sendEncoded } from './encode-answer.js';
import { successStatus } from './endpoint.decorator.js';
import type { EndpointCall } from './endpoint-call.js';
import type { Exchange } from './exchange.js';
import { type Idempotency, idempotencyKey } from './idempotency.js';

/**
 * Serves the routes that are plain functions ({@link EndpointCall}): handler, envelope, cache, idempotency and errors
 * as Nest's pipeline has them for the others, for a third of its work per request.
 */
export class EndpointRunner {
  constructor(
    private readonly idempotency: Idempotency,
    private readonly logger: Logger,
  ) {}

  /** Serves one request; never throws. */
  run({ endpoint, call }: EndpointCall, exchange: Exchange, body: unknown): void {
    const status = successStatus(endpoint);
    const failed = (thrown: unknown) => this.fail(exchange, thrown);
    try {
      const key = idempotencyKey(exchange);
      if (key !== undefined) {
        const work = async () => ({ status, answer: encodeAnswer(endpoint, await call(exchange, body), exchange) });
        this.idempotency
          .once(exchange, key, body, work)
          .then((outcome) => sendEncoded(exchange, outcome.status, outcome.answer))
          .catch(failed);
        return;
      }
      const done = (value: unknown) => {
        try {
          succeed(exchange, status, encodeAnswer(endpoint, value, exchange));
        } catch (thrown) {
          failed(thrown);
        }
      };
      const value = call(exchange, body);
      if (value instanceof Promise) value.then(done, failed);
      else done(value);
    } catch (thrown) {
      failed(thrown);
    }
  }

  private fail(exchange: Exchange, thrown: unknown): void {
    if (exchange.fill) releaseFailed(exchange.fill, thrown);
    answerFailure(this.logger, exchange, thrown);
  }
}

function succeed(exchange: Exchange, status: number, answer: EncodedAnswer | undefined): void {
  const { fill, request } = exchange;
  if (fill && answer && status === 200 && request.method === 'GET') keepAnswer(fill, answer);
  sendEncoded(exchange, status, answer);
}
