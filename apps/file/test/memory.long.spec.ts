import { createHash, type Hash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { uuidv7 } from '@nexus/kernel';
import { createServicesDatabase, runSource, type SourceProcess, type TestDatabase } from '@nexus/testing';
import { fileService } from '../src/index.js';

const MIB = 1024 ** 2;
const MOST_EXTRA = 64 * MIB;
/** Held whole or in half it would not pass. 2 GiB with NEXUS_BIG_FILE=1: the figure that is promised, at its price. */
const SIZE = process.env.NEXUS_BIG_FILE === '1' ? 2048 * MIB : 3 * MOST_EXTRA;
const BOUNDARY = 'memory';

let database: TestDatabase;
let folder: string;
let child: SourceProcess;
let server: { url: string; token: string };

beforeAll(async () => {
  database = await createServicesDatabase([fileService]);
  folder = await mkdtemp(join(tmpdir(), 'nexus-memory-'));
  child = runSource(`await import(${JSON.stringify(new URL('./file-process.mjs', import.meta.url).href)});`);
  const env = { DATABASE_URL: database.url, NEXUS_DATA_DIR: folder, TEST_USER: uuidv7() };
  child.tell(JSON.stringify({ env }));
  server = JSON.parse((await child.line('listening ')).slice('listening '.length));
}, 40_000);
afterAll(async () => {
  await child.kill();
  await database.drop();
  await rm(folder, { recursive: true });
}, 30_000);

/** What of the process is in memory now, in bytes. */
async function residentBytes(): Promise<number> {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

async function highestWhile(work: () => Promise<void>): Promise<number> {
  let highest = 0;
  let measuring = true;
  const measured = (async () => {
    while (measuring) {
      highest = Math.max(highest, await residentBytes());
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  try {
    await work();
  } finally {
    measuring = false;
    await measured;
  }
  return highest;
}

function* content(size: number, hash: Hash): Generator<Buffer> {
  const block = Buffer.from(Array.from({ length: MIB }, (_, i) => (i * 31) % 251));
  for (let left = size; left > 0; left -= MIB) {
    block.writeDoubleBE(left, 0);
    const piece = Buffer.from(block.subarray(0, Math.min(left, MIB)));
    hash.update(piece);
    yield piece;
  }
}

async function upload(size: number): Promise<{ id: string; sha256: string; sent: string }> {
  const hash = createHash('sha256');
  const outgoing = request(`${server.url}/api/v1/files`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.token}`, 'content-type': `multipart/form-data; boundary=${BOUNDARY}` },
  });
  const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>;
  const body = function* () {
    yield Buffer.from(`--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="big"\r\n\r\n`);
    yield* content(size, hash);
    yield Buffer.from(`\r\n--${BOUNDARY}--\r\n`);
  };
  await pipeline(Readable.from(body(), { objectMode: false, highWaterMark: 4 * MIB }), outgoing);
  const [response] = await answered;
  const text = (await response.setEncoding('utf8').toArray()).join('');
  expect([response.statusCode, text]).toEqual([201, expect.any(String)]);
  return { ...JSON.parse(text).data, sent: hash.digest('hex') };
}

async function download(id: string): Promise<string> {
  const outgoing = request(`${server.url}/api/v1/files/${id}/content`, {
    headers: { authorization: `Bearer ${server.token}` },
  });
  outgoing.end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  const hash = createHash('sha256');
  for await (const chunk of response) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

describe('a large file', () => {
  it(
    `of ${SIZE / MIB} MiB moves in constant memory, both ways`,
    async () => {
      // Everything that is loaded at first use is there before the first measurement.
      await download((await upload(MIB)).id);
      const before = await residentBytes();
      let file: Awaited<ReturnType<typeof upload>> | undefined;
      const up = await highestWhile(async () => {
        file = await upload(SIZE);
      });
      expect(file?.sha256).toBe(file?.sent);
      let received: string | undefined;
      const down = await highestWhile(async () => {
        received = await download(file?.id ?? '');
      });
      expect(received).toBe(file?.sent);
      expect(up - before).toBeLessThan(MOST_EXTRA);
      expect(down - before).toBeLessThan(MOST_EXTRA);
    },
    SIZE < 2048 * MIB ? 120_000 : 600_000,
  );
});
