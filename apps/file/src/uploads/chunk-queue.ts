/** Chunks on their way from whoever is told of them to whoever asks for them. */
export class ChunkQueue implements AsyncIterable<Buffer> {
  /** What waits to be taken. */
  bytes = 0;
  private chunks: Buffer[] = [];
  private ended = false;
  private dropping = false;
  private fault: { readonly error: unknown } | undefined;
  private wake: () => void = () => undefined;

  /** @param taken called when a chunk was taken or dropped */
  constructor(private readonly taken: () => void) {}

  push(chunk: Buffer): void {
    if (this.dropping) {
      this.taken();
      return;
    }
    this.chunks.push(chunk);
    this.bytes += chunk.length;
    this.wake();
  }

  /** No chunk comes after those that wait. */
  end(): void {
    this.ended = true;
    this.wake();
  }

  /** Whoever takes gets this error next, whatever waits. */
  fail(error: unknown): void {
    this.fault ??= { error };
    this.wake();
  }

  /** Nobody takes any more. */
  drop(): void {
    this.dropping = true;
    this.chunks = [];
    this.bytes = 0;
    this.taken();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void> {
    for (;;) {
      if (this.fault) throw this.fault.error;
      const chunk = this.chunks.shift();
      if (chunk) {
        this.bytes -= chunk.length;
        this.taken();
        yield chunk;
      } else if (this.ended) return;
      else {
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      }
    }
  }
}
