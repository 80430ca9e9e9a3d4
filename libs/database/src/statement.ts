import pg from 'pg';
import { MessageWriter } from './message-writer.js';
import type { PreparedText } from './prepared-text.js';

/** A row as pg gives it: column name to parsed value. */
export type Row = Record<string, unknown>;

/** What pg's connection gives its queries and its types leave out; held against the pinned version by the spec. */
export interface WireConnection {
  readonly stream: { readonly writable: boolean; write(data: Buffer): boolean };
}

interface Field {
  readonly name: string;
  readonly dataTypeID: number;
}

type ParserOf = (oid: number) => (text: string) => unknown;

const { prepareValue } = (pg as unknown as { utils: { prepareValue(value: unknown): unknown } }).utils;

/** How the columns of a statement become a row. */
class RowShape {
  private readonly names: string[];
  private readonly parsers: ((text: string) => unknown)[];
  private readonly empty: Row;

  constructor(fields: readonly Field[], parserOf: ParserOf) {
    this.names = fields.map(({ name }) => name);
    this.parsers = fields.map(({ dataTypeID }) => parserOf(dataTypeID));
    const row = Object.create(null) as Row;
    for (const name of this.names) row[name] = null;
    this.empty = { ...row };
  }

  row(columns: readonly (string | null)[]): Row {
    const row = { ...this.empty };
    for (let i = 0; i < columns.length; i++) {
      const text = columns[i] as string | null;
      row[this.names[i] as string] = text === null ? null : this.parsers[i]?.(text);
    }
    return row;
  }
}

/** A text that was sent to be prepared on a connection. The shape is there once the server has described it. */
interface Preparation {
  shape: RowShape | undefined;
}

/** What is kept for a connection: the texts prepared on it and the messages not written yet. */
export class Wire {
  private static readonly all = new WeakMap<object, Wire>();
  /** Keeps messages until {@link flush} is called; otherwise each statement is written at once. */
  corked = false;
  private readonly prepared = new Map<PreparedText, Preparation>();
  private readonly writer = new MessageWriter();

  private constructor(private readonly connection: WireConnection) {}

  static of(connection: WireConnection): Wire {
    let wire = Wire.all.get(connection);
    if (!wire) {
      wire = new Wire(connection);
      Wire.all.set(connection, wire);
    }
    return wire;
  }

  /**
   * @param anew prepares the text whether or not that was done before
   * @throws what a value throws when it is turned into text (say, JSON with a cycle): then nothing is sent
   */
  send(prepared: PreparedText, values: readonly unknown[], anew: boolean): Preparation {
    const known = anew ? undefined : this.prepared.get(prepared);
    this.writer.add(prepared, values, known === undefined, prepareValue);
    const preparation = known ?? { shape: undefined };
    if (!known) this.prepared.set(prepared, preparation);
    if (!this.corked) this.flush();
    return preparation;
  }

  /** Has the text prepared anew on its next use, unless that has happened already. */
  forget(prepared: PreparedText, preparation: Preparation): void {
    if (this.prepared.get(prepared) === preparation) this.prepared.delete(prepared);
  }

  flush(): void {
    if (this.writer.empty) return;
    const { stream } = this.connection;
    const data = this.writer.take();
    // A stream that is gone tells the client, which fails what it was given.
    if (stream.writable) stream.write(data);
  }
}

interface ServerFault extends Error {
  readonly code?: string;
  readonly severity?: string;
  readonly routine?: string;
}

/** Who has a statement run, and is told when it is over. */
export interface Carrier {
  /** `error` is undefined for an answer. Returns true when it takes care of a failed statement itself. */
  landed(statement: Statement, error: Error | undefined): boolean;
}

/**
 * One run of a prepared statement, as pg's client takes it. It does what `pg.Query` does for a named text, with less:
 * one promise and no event emitter; the columns are described once for each connection instead of each time. That is
 * safe because PostgreSQL refuses to run a named statement whose result has changed (0A000, "cached plan must not
 * change result type": RevalidateCachedQuery in plancache.c).
 */
export class Statement {
  carrier: Carrier | undefined;
  /** Whether it was sent again after the server had lost or outgrown the prepared text. */
  renewed = false;
  /** Whether the caller has got an answer or an error. */
  settled = false;
  /** A second run of the same read, which has started to wait because this one is stuck behind another statement. */
  twin: Statement | undefined;
  private isTwin = false;
  /** When it began to wait for a connection (`performance.now`). */
  since = 0;
  private found: Row[] = [];
  private fault: Error | undefined;
  private wire: Wire | undefined;
  private preparation: Preparation | undefined;
  private client: pg.ClientBase | undefined;

  constructor(
    readonly prepared: PreparedText,
    private readonly values: readonly unknown[],
    private readonly resolve: (rows: Row[]) => void,
    private readonly reject: (error: Error) => void,
  ) {}

  /** Runs a text on a client that somebody has for themselves. */
  static run(client: pg.ClientBase, prepared: PreparedText, values: readonly unknown[]): Promise<Row[]> {
    return new Promise((resolve, reject) => {
      new Statement(prepared, values, resolve, reject).startOn(client);
    });
  }

  startOn(client: pg.ClientBase): void {
    this.client = client;
    client.query(this as unknown as pg.Query);
  }

  /** The same read once more, for the same caller: whichever is answered first counts. */
  again(): Statement {
    this.twin = new Statement(this.prepared, this.values, this.resolve, this.reject);
    this.twin.isTwin = true;
    return this.twin;
  }

  /** Whether {@link again} makes sense: once, and not of a repetition. */
  get mayRepeat(): boolean {
    return !this.settled && !this.isTwin && this.twin === undefined;
  }

  /** True when the statement did not run because the server's prepared text is gone or has another result now. */
  isOutdated(error: ServerFault): boolean {
    return error.code === '26000' || (error.code === '0A000' && error.routine === 'RevalidateCachedQuery');
  }

  fail(error: Error): void {
    if (this.settled) return;
    this.settled = true;
    // The twin is told of its own errors.
    if (!this.twin || this.twin.settled) this.reject(error);
  }

  // From here on: what pg's client calls.

  submit(connection: WireConnection): Error | null {
    this.wire = Wire.of(connection);
    try {
      this.preparation = this.wire.send(this.prepared, this.values, this.renewed);
      return null;
    } catch (error) {
      return error as Error;
    }
  }

  handleRowDescription({ fields }: { fields: readonly Field[] }): void {
    const parserOf = (oid: number) => this.client?.getTypeParser(oid, 'text') as (text: string) => unknown;
    if (this.preparation) this.preparation.shape = new RowShape(fields, parserOf);
  }

  handleDataRow({ fields }: { fields: readonly (string | null)[] }): void {
    if (this.settled || this.fault) return;
    try {
      const shape = this.preparation?.shape;
      if (!shape) throw new Error('The server sent a row of a statement it has not described');
      this.found.push(shape.row(fields));
    } catch (error) {
      this.fault = error as Error;
    }
  }

  handleCommandComplete(): void {}

  handleReadyForQuery(): void {
    this.carrier?.landed(this, undefined);
    if (this.settled) return;
    if (this.fault) {
      this.fail(this.fault);
      return;
    }
    this.settled = true;
    if (this.twin) this.twin.settled = true;
    this.resolve(this.found);
  }

  handleError(error: ServerFault): void {
    // Not described means perhaps not even prepared; an outdated one has to be prepared anew in any case.
    if (this.preparation && (!this.preparation.shape || this.isOutdated(error)))
      this.wire?.forget(this.prepared, this.preparation);
    this.found = [];
    this.fault = undefined;
    if (!this.carrier?.landed(this, error)) this.fail(error);
  }
}

// pg's client takes nothing but its own queries on a connection that is shared, and a constructor that builds
// an event emitter and two results for each statement is what this class is there to avoid.
Object.setPrototypeOf(Statement.prototype, pg.Query.prototype);
