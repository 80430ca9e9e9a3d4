import { Readable } from 'node:stream';
import { AppError } from '@nexus/kernel';
import fc from 'fast-check';
import { type FormLimits, readForm } from './multipart-form.js';

const LIMITS: FormLimits = { fields: 8, fieldBytes: 4096, headerBytes: 8192, overheadBytes: 64 * 1024, idleMs: 5_000 };
const BOUNDARY = 'x-the-boundary';

interface Part {
  readonly name: string;
  readonly filename?: string;
  readonly value: Buffer;
}

interface Outcome {
  readonly fields: Record<string, string>;
  readonly file?: { readonly filename: string | undefined; readonly content: Buffer };
}

function formOf(parts: readonly Part[], boundary = BOUNDARY): Buffer {
  const pieces = parts.flatMap(({ name, filename, value }) => [
    Buffer.from(
      `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${filename === undefined ? '' : `; filename="${filename}"`}\r\n\r\n`,
    ),
    value,
    Buffer.from('\r\n'),
  ]);
  return Buffer.concat([...pieces, Buffer.from(`--${boundary}--\r\n`)]);
}

/** Cuts a body at the given places, which may repeat and need no order. */
function cut(body: Buffer, places: readonly number[]): Buffer[] {
  const at = [...new Set(places.map((place) => place % (body.length + 1)))].sort((a, b) => a - b);
  return [0, ...at]
    .map((from, index) => body.subarray(from, at[index] ?? body.length))
    .filter((chunk) => chunk.length > 0);
}

async function read(source: Readable, limits = LIMITS, boundary = BOUNDARY): Promise<Outcome> {
  let file: Outcome['file'];
  const form = await readForm(source, boundary, limits, {
    file: async (part) => {
      const chunks: Buffer[] = [];
      for await (const chunk of part.content) chunks.push(chunk as Buffer);
      file = { filename: part.filename, content: Buffer.concat(chunks) };
      return 'more';
    },
  });
  return { fields: Object.fromEntries(form.fields), ...(file ? { file } : {}) };
}

/** A stream that does not become an error by itself, like a request's body. */
function bodyOf(chunks: readonly Buffer[]): Readable {
  return Readable.from(chunks, { objectMode: false, highWaterMark: 1024 });
}

async function refusal(source: Readable, limits = LIMITS): Promise<AppError> {
  try {
    await read(source, limits);
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('The form was accepted');
}

const file = (value: string | Buffer, filename = 'a.txt'): Part => ({
  name: 'file',
  filename,
  value: Buffer.from(value),
});
const field = (name: string, value: string): Part => ({ name, value: Buffer.from(value) });

/** Bytes that look like delimiters more often than chance would have it. */
const content = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      fc
        .constantFrom(
          '\r\n',
          '\r',
          '--',
          `\r\n--${BOUNDARY.slice(0, 5)}`,
          `--${BOUNDARY}`,
          `\r\n--${BOUNDARY.slice(0, -1)}`,
          '\r\n\r\n',
        )
        .map((text) => Buffer.from(text)),
      fc.integer({ min: 1, max: 40_000 }).map((size) => Buffer.alloc(size, '\r\n-')),
    ),
    { maxLength: 8 },
  )
  .map((pieces) => Buffer.concat(pieces))
  .filter(
    (bytes) =>
      !bytes.includes(`\r\n--${BOUNDARY}`) &&
      !bytes.subarray(0, BOUNDARY.length + 2).equals(Buffer.from(`--${BOUNDARY}`)),
  );

describe('reading a form', () => {
  it('gives fields before and after the file, and the file’s bytes as they are', async () => {
    const parts = [field('project_id', 'p'), file('hello \r\n--x', 'ä b.txt'), field('name', 'größe')];
    expect(await read(bodyOf([formOf(parts)]))).toEqual({
      fields: { project_id: 'p', name: 'größe' },
      file: { filename: 'ä b.txt', content: Buffer.from('hello \r\n--x') },
    });
  });

  it('tells the handler the fields that stand before the file, even in the same chunk', async () => {
    let before: unknown;
    await readForm(bodyOf([formOf([field('a', '1'), field('b', '2'), file('x'), field('c', '3')])]), BOUNDARY, LIMITS, {
      file: async (_, fields) => {
        before = Object.fromEntries(fields);
        return 'more';
      },
    });
    expect(before).toEqual({ a: '1', b: '2' });
  });

  it('gives the same for the same body however it is cut', async () => {
    const scenario = fc.record({
      value: content,
      before: fc.boolean(),
      after: fc.string({ unit: 'binary', maxLength: 50 }),
      places: fc.array(fc.nat(200_000), { maxLength: 40 }),
      everyByte: fc.boolean(),
      preamble: fc.constantFrom('', 'ignored\r\n'),
      epilogue: fc.constantFrom('', '\r\nignored'),
    });
    await fc.assert(
      fc.asyncProperty(scenario, async ({ value, before, after, places, everyByte, preamble, epilogue }) => {
        const text = after.replaceAll(BOUNDARY, '');
        const parts = [...(before ? [field('project_id', 'one')] : []), { ...file(''), value }, field('name', text)];
        const body = Buffer.concat([Buffer.from(preamble), formOf(parts), Buffer.from(epilogue)]);
        const cuts = everyByte && body.length < 2_000 ? [...body.keys()] : places;
        const outcome = await read(bodyOf(cut(body, cuts)));
        expect(outcome.fields).toEqual({ ...(before ? { project_id: 'one' } : {}), name: text });
        expect(outcome.file?.content.equals(value)).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  it('goes on to the end however slowly the file is taken and wherever chunks begin', async () => {
    const head = Buffer.from(`--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n`);
    const scenario = fc.record({
      size: fc.constantFrom(0, 65_536, 270_000, 400_000),
      after: fc.array(fc.nat(300), { maxLength: 3 }),
      // Counted from the end of the content: there the parser has most to do.
      near: fc.array(fc.integer({ min: -80, max: 300 }), { maxLength: 6 }),
      anywhere: fc.array(fc.nat(400_000), { maxLength: 3 }),
      pause: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(scenario, async ({ size, after, near, anywhere, pause }) => {
        const value = Buffer.alloc(size, 'c\r\n-');
        const body = formOf([{ ...file(''), value }, ...after.map((length, i) => field(`f${i}`, 'v'.repeat(length)))]);
        const places = [...near.map((place) => Math.max(0, head.length + size + place)), ...anywhere];
        let taken = 0;
        const form = await readForm(bodyOf(cut(body, places)), BOUNDARY, LIMITS, {
          file: async ({ content: bytes }) => {
            if (pause) await new Promise((resolve) => setTimeout(resolve, 2));
            for await (const chunk of bytes) {
              taken += chunk.length;
              await new Promise((resolve) => setImmediate(resolve));
            }
            return 'more';
          },
        });
        expect([taken, form.fields.size]).toEqual([size, after.length]);
      }),
      { numRuns: 300 },
    );
  });

  it('ends wherever the last chunk begins, also when the file has to wait for its taker', async () => {
    const body = formOf([{ ...file(''), value: Buffer.alloc(200_000, 'x') }, field('name', 'n')]);
    for (let rest = 1; rest <= 120; rest++) {
      const outcome = await read(bodyOf([body.subarray(0, -rest), body.subarray(-rest)]));
      expect([rest, outcome.file?.content.length, outcome.fields]).toEqual([rest, 200_000, { name: 'n' }]);
    }
  });

  it('refuses every prefix of a body, and never hangs or crashes', async () => {
    const body = formOf([field('project_id', 'p'), file('some content'), field('name', 'n')]);
    // The last line end belongs to nobody.
    for (let length = 0; length < body.length - 2; length++) {
      const error = await refusal(bodyOf([body.subarray(0, length)].filter((chunk) => chunk.length > 0)));
      expect([length, error.code]).toEqual([length, 'malformed_multipart']);
    }
  });

  it('ends for any bytes at all, with a form or with a fault of the client', async () => {
    const pieces = fc.array(
      fc.oneof(
        fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
        fc.constantFrom(
          `--${BOUNDARY}\r\n`,
          `\r\n--${BOUNDARY}\r\n`,
          `\r\n--${BOUNDARY}--\r\n`,
          `--${BOUNDARY}--`,
          `--${BOUNDARY}-`,
          'Content-Disposition: form-data; name="file"; filename="f"\r\n\r\n',
          'Content-Disposition: form-data; name="name"\r\n\r\n',
          'Content-Disposition: form-data\r\n',
          'Content-Type: text/html\r\n\r\n',
          ': \r\n',
          '\r\n\r\n',
        ),
      ),
      { maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(pieces, fc.array(fc.nat(2_000), { maxLength: 10 }), async (texts, places) => {
        const body = Buffer.from(texts.join(''), 'latin1');
        try {
          await read(bodyOf(cut(body, places)));
        } catch (error) {
          expect(error).toBeInstanceOf(AppError);
          expect((error as AppError).status).toBe(400);
        }
      }),
      { numRuns: 400 },
    );
  });
});

describe('limits of a form', () => {
  const header = (text: string) => Buffer.from(`--${BOUNDARY}\r\n${text}\r\n\r\nx\r\n--${BOUNDARY}--\r\n`);

  it.each([
    ['two files', formOf([file('a'), file('b')])],
    ['the same field twice', formOf([field('name', 'a'), field('name', 'b'), file('x')])],
    ['a file under another name', formOf([{ name: 'upload', filename: 'a', value: Buffer.from('x') }])],
    ['too many parts', formOf(Array.from({ length: 10 }, (_, i) => field(`f${i}`, 'x')))],
    ['a field that is too long', formOf([field('name', 'x'.repeat(5000)), file('x')])],
    ['a header that is too long', header(`Content-Disposition: form-data; name="file"\r\nX-A: ${'x'.repeat(9000)}`)],
    ['too many header fields', header(`Content-Disposition: form-data; name="file"${'\r\nX-A: b'.repeat(40)}`)],
    ['no Content-Disposition', header('Content-Type: text/plain')],
    [
      'two of them',
      header('Content-Disposition: form-data; name="file"\r\nContent-Disposition: form-data; name="name"'),
    ],
    ['a part that is no form-data', header('Content-Disposition: attachment; name="file"')],
    ['a part without a name', header('Content-Disposition: form-data')],
    ['base64', header('Content-Disposition: form-data; name="file"\r\nContent-Transfer-Encoding: base64')],
    ['a long preamble', Buffer.concat([Buffer.alloc(100_000, 'x'), Buffer.from('\r\n'), formOf([file('x')])])],
    ['a long epilogue', Buffer.concat([formOf([file('x')]), Buffer.alloc(100_000, 'x')])],
  ])('refuses %s', async (_, body) => {
    expect((await refusal(bodyOf(cut(body, [10, 1000])))).code).toBe('malformed_multipart');
  });

  it.each([
    [
      'a name',
      Buffer.concat([
        Buffer.from(`--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="`),
        Buffer.from([0xff, 0xfe]),
        Buffer.from(`"\r\n\r\nx\r\n--${BOUNDARY}--`),
      ]),
    ],
    ['a field', formOf([{ name: 'name', value: Buffer.from([0xc3, 0x28]) }, file('x')])],
  ])('refuses %s that is not UTF-8', async (_, body) => {
    expect((await refusal(bodyOf([body]))).code).toBe('invalid_encoding');
  });

  it.each([
    '',
    'with"quote',
    'x'.repeat(71),
    'ends with space ',
    'ümlaut',
  ])('refuses the boundary %p', async (boundary) => {
    await expect(readForm(bodyOf([]), boundary, LIMITS, { file: async () => 'more' })).rejects.toMatchObject({
      code: 'malformed_multipart',
    });
  });

  it('counts what surrounds the file, never the file, even in one huge chunk', async () => {
    const value = Buffer.alloc(5_000_000, 'abc\r\n');
    expect((await read(bodyOf([formOf([{ ...file(''), value }])]))).file?.content.equals(value)).toBe(true);
  });
});

describe('a client that does not do its part', () => {
  const start = Buffer.from(`--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nsome`);

  it('is given up when it sends nothing for too long', async () => {
    const source = new Readable({ read() {} });
    source.push(start);
    expect((await refusal(source, { ...LIMITS, idleMs: 50 })).code).toBe('request_timeout');
  });

  it('is noticed when it goes away', async () => {
    const source = new Readable({ read() {} });
    source.push(start);
    const refused = refusal(source);
    source.destroy();
    expect((await refused).code).toBe('upload_incomplete');
  });

  it('is not hurried while we are the slow ones', async () => {
    let asked = 0;
    const source = new Readable({
      highWaterMark: 64 * 1024,
      read() {
        asked++;
        this.push(
          asked === 1 ? start : asked < 20 ? Buffer.alloc(64 * 1024, 'x') : asked === 20 ? `\r\n--${BOUNDARY}--` : null,
        );
      },
    });
    let size = 0;
    let askedWhileWaiting = 0;
    await readForm(
      source,
      BOUNDARY,
      { ...LIMITS, idleMs: 40 },
      {
        file: async ({ content: bytes }) => {
          await new Promise((resolve) => setTimeout(resolve, 250));
          askedWhileWaiting = asked;
          for await (const chunk of bytes) size += (chunk as Buffer).length;
          return 'more';
        },
      },
    );
    expect(size).toBe(4 + 18 * 64 * 1024);
    // Back-pressure: nothing was read beyond a few buffers.
    expect(askedWhileWaiting).toBeLessThan(8);
  });

  it('learns at once what the taker of the file says', async () => {
    const fault = new Error('full');
    const source = new Readable({ read() {} });
    source.push(start);
    const reading = readForm(source, BOUNDARY, LIMITS, { file: () => Promise.reject(fault) });
    await expect(reading).rejects.toBe(fault);
    expect(source.destroyed).toBe(false);
    expect(source.isPaused()).toBe(true);
  });

  it('need not send the rest when the taker has enough', async () => {
    const source = new Readable({ read() {} });
    source.push(start);
    const form = await readForm(source, BOUNDARY, LIMITS, { file: async () => 'enough' });
    expect(form.hasFile).toBe(true);
    expect(source.destroyed).toBe(false);
  });
});
