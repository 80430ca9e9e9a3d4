import { createHash } from 'node:crypto';
import { EncodedAnswer } from '@nexus/caching';
import type { DatabaseRoot } from '@nexus/database';
import { errors } from '@nexus/kernel';
import type { Exchange } from './exchange.js';
import { IdempotencyStore } from './idempotency-store.js';
import { Slots } from './slots.js';

/** What a request ended with. */
export interface Outcome {
  readonly status: number;
  /** Undefined for an answer without a body. */
  readonly answer: EncodedAnswer | undefined;
}

/** What tells one request from another under the same key. */
function fingerprint(exchange: Exchange, body: unknown): string {
  const { method, url, headers } = exchange.request;
  return createHash('sha256')
    .update(`${method} ${url} ${headers['if-match'] ?? ''}\n${JSON.stringify(body) ?? ''}`)
    .digest('base64url');
}

/** The `Idempotency-Key` of a request whose route takes one. */
export function idempotencyKey({ request, route }: Exchange): string | undefined {
  const key = request.headers['idempotency-key'];
  return typeof key === 'string' && route?.idempotency === 'accepted' ? key : undefined;
}

/**
 * Replays the first answer of a POST or PATCH that carries an `Idempotency-Key`. With a key the whole request is
 * one transaction, and the answer is written in it: it exists exactly when the change does.
 */
export class Idempotency {
  /**
   * A keyed request holds a connection while its handler may ask other services of the process, which need one too: if
   * keyed requests held all of them, they would wait for each other.
   */
  private readonly slots: Slots;

  constructor(private readonly databases: DatabaseRoot) {
    this.slots = new Slots(databases.budget.max / 2);
  }

  /**
   * Does the work, or answers as it was answered the first time.
   * @throws AppError `idempotency_in_progress`, `idempotency_key_reused`; what `work` throws, and then nothing is kept
   */
  once(exchange: Exchange, key: string, body: unknown, work: () => Promise<Outcome>): Promise<Outcome> {
    return this.slots.run(exchange.signal, () => this.inTransaction(exchange, key, body, work));
  }

  private async inTransaction(
    exchange: Exchange,
    key: string,
    body: unknown,
    work: () => Promise<Outcome>,
  ): Promise<Outcome> {
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
        return {
          status: replay.status,
          answer: replay.head === '' ? undefined : new EncodedAnswer(replay.head, replay.etag),
        };
      }
      const outcome = await work();
      const location = exchange.headers.indexOf('Location');
      await store.keep(tx, scope, key, print, {
        status: outcome.status,
        head: outcome.answer?.head ?? '',
        etag: outcome.answer?.etag,
        headers: location >= 0 ? { Location: exchange.headers[location + 1] as string } : {},
      });
      return outcome;
    });
  }
}
