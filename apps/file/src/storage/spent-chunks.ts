import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';

/** Smaller chunks may lie in a pool that others use, and are not worth the trouble. */
const WORTHWHILE_BYTES = 16 * 1024;

/**
 * Gives the memory of a chunk back at once. The collector knows a buffer only by its small head, and lets tens of
 * megabytes of spent ones pile up before it runs.
 */
function release({ buffer, byteOffset, byteLength }: Buffer, slack: number): void {
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength < WORTHWHILE_BYTES) return;
  if (byteOffset === 0 && buffer.byteLength - byteLength <= slack) buffer.transfer(0);
}

/** Until the stream takes more, or nothing at all any more. */
function drained(sink: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      sink.off('drain', done);
      sink.off('close', done);
      resolve();
    };
    sink.on('drain', done);
    sink.on('close', done);
  });
}

/**
 * Writes chunks that nobody else looks at any more, releases each once it is written, and ends the sink: content of
 * any length moves in a few hundred kilobytes.
 *
 * @param source its chunks belong to this function from here on
 * @param slack so many bytes may lie behind a chunk in its memory and be nobody's; memory with more in it is left alone
 * @throws Error of the sink; `ERR_STREAM_PREMATURE_CLOSE` when it was closed from outside
 */
export async function writeSpending(source: AsyncIterable<Buffer>, sink: Writable, slack = 0): Promise<void> {
  let fault: Error | undefined;
  sink.on('error', (error: Error) => {
    fault ??= error;
  });
  for await (const chunk of source) {
    const more = sink.write(chunk, (error) => {
      if (error) fault ??= error;
      else release(chunk, slack);
    });
    if (!more && !sink.destroyed) await drained(sink);
    if (fault) throw fault;
    if (sink.destroyed) break;
  }
  // Tells of a sink that was destroyed, too.
  if (!sink.destroyed) sink.end();
  await finished(sink);
}
