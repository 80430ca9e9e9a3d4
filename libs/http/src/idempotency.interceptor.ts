import { createHash } from 'node:crypto';
import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { EncodedAnswer } from '@nexus/caching';
import { DatabaseRoot } from '@nexus/database';
import { errors } from '@nexus/kernel';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { from, lastValueFrom, type Observable } from 'rxjs';
import { type Exchange, exchangeOf } from './exchange.js';
import { IdempotencyStore } from './idempotency-store.js';
import { Slots } from './slots.js';

/** What tells one request from another under the same key. */
function fingerprint(exchange: Exchange, body: unknown): string {
  const { method, url, headers } = exchange.request;
  return createHash('sha256')
    .update(`${method} ${url} ${headers['if-match'] ?? ''}\n${JSON.stringify(body) ?? ''}`)
    .digest('base64url');
}

/**
 * Replays the first answer of a POST or PATCH that carries an `Idempotency-Key`. With a key the whole request is
 * one transaction, and the answer is written in it: it exists exactly when the change does.
 */
@Injectable()
export class IdempotencyInterceptor implements NestInterceptor {
  /**
   * A keyed request holds a connection while its handler may ask other services of the process, which need one too: if
   * keyed requests held all of them, they would wait for each other.
   */
  private readonly slots: Slots;

  constructor(private readonly databases: DatabaseRoot) {
    this.slots = new Slots(databases.budget.max / 2);
  }

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const key = request.raw.headers['idempotency-key'];
    if (typeof key !== 'string') return next.handle();
    const exchange = exchangeOf(request.raw);
    if (exchange.route?.idempotency !== 'accepted') return next.handle();
    const reply = http.getResponse<FastifyReply>();
    return from(this.slots.run(exchange.signal, () => this.once(exchange, key, request.body, reply, next)));
  }

  private async once(
    exchange: Exchange,
    key: string,
    body: unknown,
    reply: FastifyReply,
    next: CallHandler,
  ): Promise<unknown> {
    const { route, actor } = exchange;
    if (!route || actor.kind !== 'user') throw errors.unauthenticated();
    const scope = `${actor.id}:${route.operation}`;
    const print = fingerprint(exchange, body);
    const database = this.databases.get(route.service);
    return database.ambientTransaction(async (tx) => {
      const store = new IdempotencyStore(database.schema);
      const replay = await store.begin(tx, scope, key, print);
      if (replay) {
        exchange.headers.push('Idempotency-Replayed', 'true');
        for (const [name, value] of Object.entries(replay.headers)) exchange.headers.push(name, value);
        reply.status(replay.status);
        return replay.head === '' ? undefined : new EncodedAnswer(replay.head, replay.etag);
      }
      const answer = (await lastValueFrom(next.handle(), { defaultValue: undefined })) as unknown;
      const encoded: EncodedAnswer | undefined = answer instanceof EncodedAnswer ? answer : undefined;
      const location = exchange.headers.indexOf('Location');
      await store.keep(tx, scope, key, print, {
        status: reply.statusCode,
        head: encoded?.head ?? '',
        etag: encoded?.etag,
        headers: location >= 0 ? { Location: exchange.headers[location + 1] as string } : {},
      });
      return answer;
    });
  }
}
