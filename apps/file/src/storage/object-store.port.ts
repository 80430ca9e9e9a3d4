import type { Readable, Writable } from 'node:stream';

/** Bytes of an object, both ends included. */
export interface ObjectRange {
  readonly start: number;
  readonly end: number;
}

/** An object being written. Until `commit` it does not exist. */
export interface ObjectSink {
  /** Takes the content. Ending it makes the bytes durable; destroying it is safe at any time. */
  readonly stream: Writable;
  /**
   * Makes the object exist, durably. Call it once the stream has finished.
   * @throws Error when the object was deleted meanwhile
   */
  commit(): Promise<void>;
  /** Removes what was written. Never throws for what is already gone. */
  abort(): Promise<void>;
}

/** An object that was begun and neither committed nor removed. */
export interface UnfinishedObject {
  readonly key: string;
  /** Last write. */
  readonly since: Date;
}

/** No room: not the request's fault, and it may pass. */
export class StorageFullError extends Error {
  constructor(cause: unknown) {
    super('The object store is full', { cause });
    this.name = 'StorageFullError';
  }
}

/** The object does not exist. */
export class ObjectMissingError extends Error {
  constructor(key: string) {
    super(`The object ${key} is missing`);
    this.name = 'ObjectMissingError';
  }
}

/**
 * Where the bytes of files lie. Keys are ids that the service makes (UUIDs), never a client's text. An object is
 * written once and never changed, so that it needs no lock.
 */
export abstract class ObjectStore {
  /** Makes the store ready, or says what is wrong. @throws Error with a sentence for the operator */
  abstract prepare(): Promise<void>;

  /** Starts an object. @throws StorageFullError */
  abstract begin(key: string): Promise<ObjectSink>;

  /**
   * Opens an object. Whoever destroys the stream, or reads it to the end, gives every resource back. The chunks belong
   * to the reader alone, their memory included.
   * @throws ObjectMissingError
   */
  abstract open(key: string, range?: ObjectRange): Promise<Readable>;

  /** Size in bytes; undefined when there is no such object. */
  abstract stat(key: string): Promise<{ readonly size: number } | undefined>;

  /**
   * Removes an object and everything begun under its key, durably. A later `commit` of that key fails. No error when
   * there is nothing.
   */
  abstract delete(key: string): Promise<void>;

  /** Removes what was begun under a key and not committed. A committed object stays. No error when there is nothing. */
  abstract abandon(key: string): Promise<void>;

  /** What was begun and not finished, by any process. */
  abstract unfinished(): AsyncIterable<UnfinishedObject>;
}
