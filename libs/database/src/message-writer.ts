import type { PreparedText } from './prepared-text.js';

/** One `Execute` of the unnamed portal without a limit, and the `Sync` that ends the statement's own transaction. */
const EXECUTE_AND_SYNC = Buffer.from([0x45, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0x53, 0, 0, 0, 4]);
/** All result columns as text, then `Execute` and `Sync`. */
const AFTER_VALUES = Buffer.concat([Buffer.from([0, 0]), EXECUTE_AND_SYNC]);

/** Room for a few statements by key, in bytes; grows as needed. */
const FIRST_BYTES = 1024;

/**
 * Collects the messages of statements so that those of one turn leave in one write. PostgreSQL protocol 3,
 * "Message Formats": every length is big-endian and counts itself.
 */
export class MessageWriter {
  private buffer = Buffer.allocUnsafe(FIRST_BYTES);
  private length = 0;

  get empty(): boolean {
    return this.length === 0;
  }

  /**
   * Adds one whole statement; nothing of it when a value cannot be written.
   * @throws RangeError for more values than the protocol can count; whatever `map` throws
   */
  add(prepared: PreparedText, values: readonly unknown[], open: boolean, map: (value: unknown) => unknown): void {
    const start = this.length;
    try {
      if (values.length > 0xffff) throw new RangeError(`A statement takes at most 65535 values, not ${values.length}`);
      if (open) this.bytes(prepared.opening);
      this.bind(prepared, values, map);
    } catch (error) {
      this.length = start;
      throw error;
    }
  }

  /** What was collected, handed over: the writer starts anew. */
  take(): Buffer {
    const taken = this.buffer.subarray(0, this.length);
    this.buffer = Buffer.allocUnsafe(FIRST_BYTES);
    this.length = 0;
    return taken;
  }

  private bind({ target }: PreparedText, values: readonly unknown[], map: (value: unknown) => unknown): void {
    const count = values.length;
    this.reserve(5 + target.length + 2 + 2 * count + 2);
    const start = this.length;
    this.buffer[start] = 0x42;
    this.length += 5;
    this.bytes(target);
    this.int16(count);
    const formats = this.length;
    this.buffer.fill(0, formats, formats + 2 * count);
    this.length += 2 * count;
    this.int16(count);
    for (let i = 0; i < count; i++) {
      const value = map(values[i]);
      if (value === null || value === undefined) this.int32(-1);
      else if (Buffer.isBuffer(value)) {
        this.buffer[formats + 2 * i + 1] = 1;
        this.int32(value.length);
        this.bytes(value);
      } else this.text(value as string);
    }
    // The message ends with the first two bytes of what follows: no format codes, so every column as text.
    this.buffer.writeInt32BE(this.length + 2 - start - 1, start + 1);
    this.bytes(AFTER_VALUES);
  }

  private text(value: string): void {
    // Three bytes are the most a UTF-16 unit becomes; a long text is worth counting.
    this.reserve(4 + (value.length < 256 ? 3 * value.length : Buffer.byteLength(value)));
    const at = this.length;
    const written = this.buffer.write(value, at + 4);
    this.buffer.writeInt32BE(written, at);
    this.length = at + 4 + written;
  }

  private bytes(value: Buffer): void {
    this.reserve(value.length);
    this.buffer.set(value, this.length);
    this.length += value.length;
  }

  private int16(value: number): void {
    this.reserve(2);
    this.buffer[this.length++] = value >>> 8;
    this.buffer[this.length++] = value & 0xff;
  }

  private int32(value: number): void {
    this.reserve(4);
    this.buffer.writeInt32BE(value, this.length);
    this.length += 4;
  }

  private reserve(bytes: number): void {
    const needed = this.length + bytes;
    if (needed <= this.buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, 2 * this.buffer.length));
    this.buffer.copy(grown, 0, 0, this.length);
    this.buffer = grown;
  }
}
