import { mkdtemp, readdir, readFile, rm, utimes } from 'node:fs/promises';
import { type ClientRequest, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { uuidv7 } from '@nexus/kernel';
import { createServicesDatabase, runSource, type SourceProcess, type TestDatabase } from '@nexus/testing';
import pg from 'pg';
import { fileService } from '../src/index.js';

const SOURCE = `await import(${JSON.stringify(new URL('./file-process.mjs', import.meta.url).href)});`;
const PATIENCE_MS = 30_000;
const BOUNDARY = 'crash';
const CONTENT = Buffer.alloc(500_000, 'content');
/** The upload fails once all of it is there. */
const WRONG_DIGEST = { 'content-digest': `sha-256=:${Buffer.alloc(32).toString('base64')}:` };

interface Listening {
  readonly url: string;
  readonly token: string;
}

let database: TestDatabase;
let sql: pg.Client;
let folder: string;
const processes: SourceProcess[] = [];
/** Swept up after the first crash, and goes on with it. */
let sweeping: SourceProcess;

beforeAll(async () => {
  database = await createServicesDatabase([fileService]);
  sql = new pg.Client({ connectionString: database.url });
  await sql.connect();
  folder = await mkdtemp(join(tmpdir(), 'nexus-crash-'));
}, PATIENCE_MS);
afterAll(async () => {
  for (const child of processes) await child.kill();
  await sql.end();
  await database.drop();
  await rm(folder, { recursive: true });
}, 30_000);

/** @param stallAt where the process stands still from its start on; it sweeps at its start, then every `sweepSeconds` */
function launch({ stallAt = '', sweepSeconds = 3600 } = {}): SourceProcess {
  const child = runSource(SOURCE);
  processes.push(child);
  const env = {
    DATABASE_URL: database.url,
    NEXUS_DATA_DIR: folder,
    FILE_SWEEP_SECONDS: String(sweepSeconds),
    TEST_USER: uuidv7(),
  };
  child.tell(JSON.stringify({ env, stallAt }));
  return child;
}

async function listening(child: SourceProcess): Promise<Listening> {
  return JSON.parse((await child.line('listening ')).slice('listening '.length));
}

function open({ url, token }: Listening, headers: Record<string, string> = {}): ClientRequest {
  const upload = request(`${url}/api/v1/files`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': `multipart/form-data; boundary=${BOUNDARY}`,
      ...headers,
    },
  });
  upload.on('error', () => undefined);
  upload.write(`--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n`);
  return upload;
}

function sendWhole(server: Listening, headers: Record<string, string> = {}): void {
  open(server, headers).end(Buffer.concat([CONTENT, Buffer.from(`\r\n--${BOUNDARY}--\r\n`)]));
}

async function until(what: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await what())) {
    if (Date.now() > deadline) throw new Error('Waited in vain');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const rows = async (query: string) => (await sql.query(query)).rows as Record<string, unknown>[];
const temporary = () => readdir(join(folder, 'objects', 'tmp'));

async function objects(): Promise<string[]> {
  const paths = await readdir(join(folder, 'objects'), { recursive: true });
  return paths
    .map((path) => path.split('/'))
    .filter(({ length }) => length === 3)
    .map((path) => path[2] as string)
    .sort();
}

/** As if the time after which an upload counts as dead had gone by. */
async function letTimePass(): Promise<void> {
  await sql.query(`UPDATE file.uploads SET heartbeat_at = heartbeat_at - interval '1 minute'`);
  const past = new Date(Date.now() - 60_000);
  for (const name of await temporary()) await utimes(join(folder, 'objects', 'tmp', name), past, past);
}

/** Another process starts on what the killed one left, and leaves nothing but whole files. It goes on. */
async function expectConsistencyAfterRestart(files: number): Promise<SourceProcess> {
  await letTimePass();
  const child = launch({ sweepSeconds: 1 });
  await until(
    async () =>
      (await rows('SELECT 1 FROM file.uploads UNION ALL SELECT 1 FROM file.removals')).length === 0 &&
      (await temporary()).length === 0,
  );
  const kept = await rows('SELECT object_key, size FROM file.files ORDER BY object_key');
  expect(kept).toHaveLength(files);
  expect(await objects()).toEqual(kept.map((row) => row.object_key));
  for (const { object_key } of kept) {
    const key = object_key as string;
    const content = await readFile(join(folder, 'objects', key.slice(0, 2), key.slice(2, 4), key));
    expect(content.equals(CONTENT)).toBe(true);
  }
  const [sums] = await rows('SELECT coalesce(sum(size), 0)::bigint AS bytes, count(*)::int AS files FROM file.files');
  const [usage] = await rows(
    'SELECT coalesce(sum(bytes), 0)::bigint AS bytes, coalesce(sum(files), 0)::int AS files FROM file.usage',
  );
  expect(usage).toEqual(sums);
  return child;
}

describe('a process that is killed', () => {
  it(
    'leaves whole files and nothing else, wherever an upload was',
    async () => {
      const child = launch();
      const server = await listening(child);
      open(server).write(CONTENT);
      await until(async () => (await temporary()).length > 0);
      for (const stage of ['begun', 'renamed', 'committed', 'noted', 'removed']) {
        child.tell(JSON.stringify({ stallAt: stage }));
        await child.line(`armed ${stage}`);
        sendWhole(server, stage === 'noted' || stage === 'removed' ? WRONG_DIGEST : {});
        await child.line(`reached ${stage}`);
      }
      await child.kill();
      // Each died where it should have.
      expect(await rows('SELECT 1 FROM file.uploads')).toHaveLength(3);
      expect(await rows('SELECT 1 FROM file.removals')).toHaveLength(2);
      expect(await objects()).toHaveLength(2);
      sweeping = await expectConsistencyAfterRestart(1);
    },
    3 * PATIENCE_MS,
  );

  it(
    'gives the space of an expired file back once',
    async () => {
      sweeping.tell(JSON.stringify({ stallAt: 'noted' }));
      await sweeping.line('armed noted');
      await sql.query(`UPDATE file.files SET status = 'trashed', trashed_at = now() - interval '31 days'`);
      for (const [stage, left] of [
        ['noted', 1],
        ['removed', 0],
      ] as const) {
        const child = stage === 'noted' ? sweeping : launch({ stallAt: stage });
        await child.line(`reached ${stage}`);
        await child.kill();
        expect([(await rows('SELECT 1 FROM file.files')).length, (await objects()).length]).toEqual([0, left]);
        expect(await rows('SELECT bytes, files FROM file.usage')).toEqual([{ bytes: '0', files: 0 }]);
        expect(await rows('SELECT 1 FROM file.removals')).toHaveLength(1);
      }
      await expectConsistencyAfterRestart(0);
    },
    3 * PATIENCE_MS,
  );
});
