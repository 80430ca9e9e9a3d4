import { Readable, Writable } from 'node:stream';
import fc from 'fast-check';
import { type FormLimits, readForm } from '../uploads/multipart-form.js';
import { writeSpending } from './spent-chunks.js';

/** A chunk with memory of its own, as they come from the network. */
function own(content: string | Uint8Array): Buffer {
  const bytes = Buffer.from(content as string);
  return Buffer.from(new Uint8Array(bytes).buffer);
}

/** Keeps a copy of what it is given, some time later. */
function slowSink(chunks: Buffer[], highWaterMark = 16 * 1024): Writable {
  return new Writable({
    highWaterMark,
    write(chunk: Buffer, _encoding, done) {
      setImmediate(() => {
        chunks.push(Buffer.from(chunk));
        done();
      });
    },
  });
}

describe('writeSpending', () => {
  it('writes everything in order and gives the memory back', async () => {
    const source = Array.from({ length: 50 }, (_, i) => own(Buffer.alloc(20_000, i)));
    const expected = Buffer.concat(source);
    const written: Buffer[] = [];
    await writeSpending(Readable.from(source), slowSink(written));
    expect(Buffer.concat(written).equals(expected)).toBe(true);
    expect(source.map((chunk) => chunk.length)).toEqual(Array(50).fill(0));
  });

  it('leaves memory alone that others may look at', async () => {
    const small = own('small');
    const shared = own(Buffer.alloc(40_000));
    const front = shared.subarray(0, 30_000);
    const back = shared.subarray(30_000);
    const almost = own(Buffer.alloc(40_000)).subarray(0, 39_999);
    const written: Buffer[] = [];
    await writeSpending(Readable.from([small, front, back, almost]), slowSink(written));
    expect([small, front, back, almost].map((chunk) => chunk.length)).toEqual([5, 30_000, 10_000, 39_999]);
    await writeSpending(Readable.from([almost]), slowSink(written), 1);
    expect(almost).toHaveLength(0);
  });

  it('tells what the sink says, and lets go of the source', async () => {
    const fault = new Error('full');
    const source = Readable.from(Array.from({ length: 10 }, () => own('x')));
    const sink = new Writable({ highWaterMark: 1, write: (_chunk, _encoding, done) => done(fault) });
    await expect(writeSpending(source, sink)).rejects.toBe(fault);
    expect(source.destroyed).toBe(true);
  });

  it('tells what the source says', async () => {
    const fault = new Error('lost');
    const source = (async function* () {
      yield own('x');
      throw fault;
    })();
    await expect(writeSpending(source, slowSink([]))).rejects.toBe(fault);
  });

  it('does not wait for a sink that was closed from outside', async () => {
    const sink = new Writable({ highWaterMark: 1, write: () => setImmediate(() => sink.destroy()) });
    const endless = (async function* () {
      for (;;) yield own('x');
    })();
    await expect(writeSpending(endless, sink)).rejects.toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' });
  });

  it('does not touch what stands behind the file in a form, however the form is cut', async () => {
    const boundary = 'b';
    const limits: FormLimits = { fields: 8, fieldBytes: 4096, headerBytes: 8192, overheadBytes: 65_536, idleMs: 5_000 };
    const head = Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n`);
    const tail = Buffer.from(
      `\r\n--${boundary}\r\nContent-Disposition:form-data;name=n\r\n\r\nvalue of the field\r\n--${boundary}--\r\n`,
    );
    const content = Buffer.alloc(120_000, 'content\r\n-');
    const body = Buffer.concat([head, content, tail]);
    const place = fc.oneof(
      fc.nat(body.length),
      fc.integer({ min: head.length + content.length - 10, max: body.length }),
      fc.integer({ min: 0, max: head.length + 10 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(place, { maxLength: 12 }), async (places) => {
        const at = [0, ...[...new Set(places)].sort((a, b) => a - b), body.length];
        const chunks = at.slice(1).map((end, i) => own(body.subarray(at[i], end)));
        const written: Buffer[] = [];
        const source = Readable.from(
          chunks.filter((chunk) => chunk.length > 0),
          { objectMode: false, highWaterMark: 1_000_000 },
        );
        const { fields } = await readForm(source, boundary, limits, {
          file: async (part) => {
            await writeSpending(part.content, slowSink(written, 1_000), boundary.length);
            return 'more';
          },
        });
        expect(Buffer.concat(written).equals(content)).toBe(true);
        expect(Object.fromEntries(fields)).toEqual({ n: 'value of the field' });
      }),
      { numRuns: 200 },
    );
  });
});
