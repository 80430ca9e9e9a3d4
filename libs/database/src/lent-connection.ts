import type pg from 'pg';
import { type Carrier, type Statement, Wire } from './statement.js';

/** What pg's client has and its types leave out; held against the pinned version by the spec. */
interface SharedClient extends pg.PoolClient {
  /** Sends a query although the one before it is not answered. Each ends with its own `Sync`. */
  pipeline: boolean;
}

/** Who lends connections to statements. */
export interface Lender {
  /** A statement is off the connection: there may be room, or nothing left on it. */
  landed(connection: LentConnection): void;
  /** Nothing was put on the connection for a whole turn of the event loop, or it is broken. */
  finished(connection: LentConnection): void;
}

/** The server ends the connection with this error: by its severity, or class 57P0x where that is in another language. */
function isFatal(error: Error): boolean {
  const { severity, code } = error as { severity?: string; code?: string };
  return severity === 'FATAL' || severity === 'PANIC' || code?.startsWith('57P0') === true;
}

/**
 * A connection of the pool while statements share it. Statements run one after the other in the order they were sent,
 * each a transaction of its own; those sent in one turn of the event loop leave in one write.
 */
export class LentConnection implements Carrier {
  /** What is on the wire or about to be, in order. */
  readonly flight: Statement[] = [];
  /** The first statement has been running for a whole look or longer. */
  stalled = false;
  /** How often {@link look} was called. */
  looks = 0;
  private readonly client: SharedClient;
  private readonly wire: Wire;
  private broken: Error | undefined;
  private scheduled = false;
  private returned = false;
  private answered = 0;
  private seen = -1;

  constructor(
    client: pg.PoolClient,
    private readonly lender: Lender,
  ) {
    this.client = client as SharedClient;
    this.client.pipeline = true;
    this.client.on('error', this.onError);
    this.wire = Wire.of(this.client.connection);
    this.wire.corked = true;
    this.schedule();
  }

  /** False once the connection has failed: it takes no more statements. */
  get sound(): boolean {
    return this.broken === undefined;
  }

  send(statement: Statement): void {
    statement.carrier = this;
    this.flight.push(statement);
    this.schedule();
    statement.startOn(this.client);
  }

  landed(statement: Statement, error: Error | undefined): boolean {
    if (this.flight[0] === statement) this.flight.shift();
    else {
      const at = this.flight.indexOf(statement);
      if (at >= 0) this.flight.splice(at, 1);
    }
    this.answered++;
    this.stalled = false;
    if (error) {
      if (isFatal(error)) this.broken = error;
      else if (this.sound && !statement.renewed && statement.isOutdated(error)) {
        // It failed before it ran: the text could not be bound.
        statement.renewed = true;
        this.send(statement);
        return true;
      }
    }
    if (this.flight.length === 0) this.schedule();
    this.lender.landed(this);
    return false;
  }

  /** Tells whether the first statement was there at the last look already, and nothing was answered since. */
  look(): boolean {
    this.looks++;
    if (this.flight.length === 0) this.seen = -1;
    else if (this.seen === this.answered) this.stalled = true;
    else this.seen = this.answered;
    return this.stalled;
  }

  /** Gives it back to the pool, which closes it if it is broken. Nothing may be on it. */
  release(): void {
    if (this.returned) return;
    this.returned = true;
    this.client.pipeline = false;
    this.wire.corked = false;
    this.client.off('error', this.onError);
    this.client.release(this.broken);
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(this.onTurn);
  }

  private readonly onTurn = (): void => {
    this.scheduled = false;
    if (this.returned) return;
    this.wire.flush();
    if (this.flight.length === 0) this.lender.finished(this);
  };

  private readonly onError = (error: Error): void => {
    this.broken ??= error;
    // The client fails all it was given by the next tick; this is for what it might not know.
    setImmediate(() => {
      if (this.returned) return;
      for (const statement of this.flight.splice(0)) statement.fail(error);
      this.lender.finished(this);
    });
  };
}
