import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';

/** Smaller chunks may lie in a pool that others use, and are not worth the trouble. */
const WORTHWHILE_BYTES = 16 * 1024;

/**
 * Gives the memory of a chunk back at once. The collector knows a buffer only by its small head and lets tens of
 * megabytes of spent ones pile up before it runs.
 *
 * @param slack so many bytes of its memory may lie behind the chunk without belonging to anybody
 */
function release({ buffer, byteOffset, byteLength }: Buffer, slack: number): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength >= WORTHWHILE_BYTES) {
    if (byteOffset === 0 && buffer.byteLength - byteLength <= slack) buffer.transfer(0);
  }
}

/**
 * Writes chunks that nobody else looks at any more, and releases each once it is written: a stream of any length in a
 * few hundred kilobytes.
 *
 * @param source its chunks are this function's from here on
 * @param slack see {@link release}
 * @param end whether the sink ends with the source; then it has finished when this returns
 */
export async function writeSpending(source: AsyncIterable<Buffer>, sink: Writable, slack = 0, end = true): Promise<void> {
  let fault: unknown;
  // Whoever destroys the sink is told by the write that fails.
  const noteFault = (error: unknown) => {
    fault = error;
  };
  sink.on('error', noteFault);
  const written = (chunk: Buffer) => (error?: Error | null) => {
    if (error) fault ??= error;
    else release(chunk, slack);
  };
  for await (const chunk of source) {
    if (fault === undefined && !sink.write(chunk, written(chunk)) && !sink.destroyed) await once(sink, 'drain');
    if (fault !== undefined) throw fault;
  }
  if (!end) return;
  sink.end();
  await finished(sink);
}
