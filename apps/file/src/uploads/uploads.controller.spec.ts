import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { jest } from '@jest/globals';
import { type ProjectAccess, ProjectDirectory, type ProjectRole } from '@nexus/contracts';
import type { Database } from '@nexus/database';
import { type CallContext, uuidv7 } from '@nexus/kernel';
import { startTestApp, type TestApp, type TestReply } from '@nexus/testing';
import { fileService } from '../index.js';
import { FolderObjectStore } from '../storage/folder-object-store.js';
import { StorageFullError } from '../storage/object-store.port.js';

const MAX = 300_000;
const QUOTA = 1_000_000;

class Projects extends ProjectDirectory {
  readonly roles = new Map<string, ProjectRole>();
  broken = false;

  async access(ctx: CallContext, { project_id }: { project_id: string }): Promise<ProjectAccess> {
    if (this.broken) throw new Error('The project service is down');
    const id = ctx.actor.kind === 'user' ? ctx.actor.id : '';
    return { role: this.roles.get(`${id}:${project_id}`) ?? null };
  }
}

const sha256 = (content: Buffer | string) => createHash('sha256').update(content).digest();
const digestField = (content: Buffer | string) => `sha-256=:${sha256(content).toString('base64')}:`;

let app: TestApp;
let folder: string;
let database: Database;
const projects = new Projects();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nexus-files-'));
  app = await startTestApp({
    services: [fileService],
    doubles: [{ port: ProjectDirectory, instance: projects }],
    env: {
      NEXUS_DATA_DIR: folder,
      FILE_MAX_BYTES: String(MAX),
      FILE_QUOTA_BYTES: String(QUOTA),
      FILE_UPLOAD_IDLE_SECONDS: '1',
      FILE_UPLOAD_STALE_SECONDS: '5',
      RATE_LIMIT_USER: '100000',
      RATE_LIMIT_ADDRESS: '100000',
    },
  });
  database = app.running.app.databases.get('file');
}, 30_000);
afterAll(async () => {
  await app.stop();
  await rm(folder, { recursive: true });
});
afterEach(async () => {
  jest.restoreAllMocks();
  projects.broken = false;
  // Whatever a test did: nothing is under way, and nothing lies about.
  expect(await database.query('SELECT object_key FROM file.uploads')).toEqual([]);
  expect(await database.query('SELECT object_key FROM file.removals')).toEqual([]);
  expect(await readdir(join(folder, 'objects', 'tmp'))).toEqual([]);
  const kept = await database.query<{ object_key: string }>('SELECT object_key FROM file.files ORDER BY 1');
  expect(await objectsOnDisk()).toEqual(kept.map((row) => row.object_key));
});

async function objectsOnDisk(): Promise<string[]> {
  const names = await readdir(join(folder, 'objects'), { recursive: true });
  return names
    .map((name) => name.split('/'))
    .filter((path) => path.length === 3)
    .map((path) => path[2] as string)
    .sort();
}

interface Sent {
  readonly userId?: string;
  readonly name?: string;
  readonly type?: string;
  readonly fields?: Readonly<Record<string, string>>;
  readonly after?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** As a browser sends it. */
async function upload(content: Buffer | string, sent: Sent = {}): Promise<TestReply> {
  const form = new FormData();
  for (const [name, value] of Object.entries(sent.fields ?? {})) form.append(name, value);
  form.append(
    'file',
    new File([new Uint8Array(Buffer.from(content))], sent.name ?? 'a.txt', sent.type ? { type: sent.type } : {}),
  );
  for (const [name, value] of Object.entries(sent.after ?? {})) form.append(name, value);
  const token = app.token(sent.userId === undefined ? {} : { sub: sent.userId });
  return app.call('POST', '/api/v1/files', { token, body: form, ...(sent.headers ? { headers: sent.headers } : {}) });
}

/** A form as text, with everything under the test's control. */
const BOUNDARY = 'test-boundary';
const partHead = (more = '') =>
  `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n${more}\r\n`;
const TAIL = `\r\n--${BOUNDARY}--\r\n`;

function sendForm(body: string | Buffer, headers: Record<string, string> = {}, userId = uuidv7()): Promise<TestReply> {
  return app.call('POST', '/api/v1/files', {
    token: app.token({ sub: userId }),
    body: Buffer.from(body),
    headers: { 'content-type': `multipart/form-data; boundary=${BOUNDARY}`, ...headers },
  });
}

const code = (reply: TestReply) => [reply.status, reply.body.details?.[0]?.code];

describe('POST /api/v1/files', () => {
  it('makes a file of what was sent', async () => {
    const userId = uuidv7();
    const content = randomBytes(200_000);
    const reply = await upload(content, { userId, name: 'Bild ä.bin', type: 'application/octet-stream' });
    expect(reply.status).toBe(201);
    expect(reply.body.data).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      name: 'Bild ä.bin',
      size: 200_000,
      content_type: 'application/octet-stream',
      sha256: sha256(content).toString('hex'),
      project_id: null,
      owner_id: userId,
      version: 1,
      status: 'active',
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      updated_at: expect.any(String),
    });
    expect(reply.headers.get('location')).toBe(`/api/v1/files/${reply.body.data.id}`);
    const again = await app.call('GET', `/api/v1/files/${reply.body.data.id}`, { token: app.token({ sub: userId }) });
    expect(again.body.data).toEqual(reply.body.data);
    expect(again.headers.get('etag')).toBe(reply.headers.get('etag'));
    const audit = await database.query('SELECT action, target_id FROM audit.records WHERE target_id = $1', [
      reply.body.data.id,
    ]);
    expect(audit).toEqual([{ action: 'file.uploaded', target_id: reply.body.data.id }]);
  });

  it('takes fields before and after the file, in either spelling', async () => {
    const userId = uuidv7();
    const projectId = uuidv7();
    projects.roles.set(`${userId}:${projectId}`, 'editor');
    const before = await upload('x', { userId, fields: { project_id: projectId, name: 'one.txt' } });
    const after = await upload('x', { userId, after: { projectId, name: ' two.txt ' } });
    const empty = await upload('x', { userId, fields: { project_id: '', name: '' } });
    expect([before, after, empty].map(({ status, body }) => [status, body.data.name, body.data.project_id])).toEqual([
      [201, 'one.txt', projectId],
      [201, 'two.txt', projectId],
      [201, 'a.txt', null],
    ]);
  });

  it('keeps an empty file, and one without a file name when the form names it', async () => {
    expect((await upload('')).body.data.size).toBe(0);
    const named = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="name"\r\n\r\nn.txt\r\n--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"\r\n\r\nhi${TAIL}`;
    expect((await sendForm(named)).body.data).toMatchObject({ name: 'n.txt', size: 2 });
  });

  it('knows a file by its first bytes where nothing is declared', async () => {
    const png = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');
    expect((await upload(png)).body.data.content_type).toBe('image/png');
    expect((await upload(png, { type: 'text/html' })).body.data.content_type).toBe('text/html');
  });

  it.each([
    [
      'no file',
      { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` },
      `--${BOUNDARY}--`,
      400,
      'required',
      'file',
    ],
    [
      'no name',
      {},
      `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"\r\n\r\nx${TAIL}`,
      400,
      'required',
      'name',
    ],
    [
      'an unknown field',
      {},
      `--${BOUNDARY}\r\nContent-Disposition: form-data; name="colour"\r\n\r\nred\r\n${partHead()}x${TAIL}`,
      400,
      'unknown_field',
      'colour',
    ],
    [
      'a prototype',
      {},
      `--${BOUNDARY}\r\nContent-Disposition: form-data; name="__proto__"\r\n\r\nred\r\n${partHead()}x${TAIL}`,
      400,
      'unknown_field',
      '__proto__',
    ],
    [
      'a project that is no id',
      {},
      `${partHead()}x\r\n--${BOUNDARY}\r\nContent-Disposition: form-data; name="project_id"\r\n\r\nnope${TAIL}`,
      400,
      'invalid_format',
      'project_id',
    ],
    [
      'a name with a path',
      {},
      `${partHead()}x\r\n--${BOUNDARY}\r\nContent-Disposition: form-data; name="name"\r\n\r\na/b${TAIL}`,
      400,
      'invalid_value',
      'name',
    ],
    [
      'a name that is too long',
      {},
      `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="${'x'.repeat(256)}"\r\n\r\nx${TAIL}`,
      400,
      'too_large',
      'name',
    ],
    ['no boundary', { 'content-type': 'multipart/form-data' }, 'x', 400, 'malformed_multipart', undefined],
    [
      'another boundary',
      { 'content-type': 'multipart/form-data; boundary=other' },
      `${partHead()}x${TAIL}`,
      400,
      'malformed_multipart',
      undefined,
    ],
    ['a form that is cut off', {}, `${partHead()}x`, 400, 'malformed_multipart', undefined],
    ['an empty body', {}, '', 400, 'malformed_multipart', undefined],
    ['JSON', { 'content-type': 'application/json' }, '{}', 415, 'unsupported_media_type', undefined],
    ['another form', { 'content-type': 'multipart/mixed; boundary=x' }, 'x', 415, 'unsupported_media_type', undefined],
    [
      'compressed content',
      { 'content-encoding': 'gzip' },
      `${partHead()}x${TAIL}`,
      415,
      'unsupported_media_type',
      undefined,
    ],
  ] as const)('refuses %s', async (_, headers, body, status, errorCode, field) => {
    const reply = await sendForm(body, headers);
    expect([reply.status, reply.body.details?.[0]?.code, reply.body.details?.[0]?.field]).toEqual([
      status,
      errorCode,
      field,
    ]);
  });

  it('wants a caller', async () => {
    const reply = await app.call('POST', '/api/v1/files', { body: new FormData() });
    expect(code(reply)).toEqual([401, 'unauthenticated']);
  });
});

describe('the project of an upload', () => {
  it.each([
    [null, [404, 'not_found']],
    ['viewer', [403, 'forbidden']],
    ['editor', [201, undefined]],
    ['owner', [201, undefined]],
  ] as const)('decides: %s', async (role, expected) => {
    const userId = uuidv7();
    const projectId = uuidv7();
    if (role) projects.roles.set(`${userId}:${projectId}`, role);
    for (const place of ['fields', 'after'] as const) {
      expect(code(await upload('x', { userId, [place]: { project_id: projectId } }))).toEqual(expected);
    }
  });

  it('is asked, or nothing is stored', async () => {
    projects.broken = true;
    const reply = await upload('x', { fields: { project_id: uuidv7() } });
    expect(code(reply)).toEqual([503, 'unavailable']);
    expect(reply.headers.get('retry-after')).toBe('1');
  });
});

describe('digests', () => {
  const content = 'the content';
  const body = `${partHead()}${content}${TAIL}`;

  it.each([
    ['Content-Digest of the file', { 'content-digest': digestField(content) }, body, 201],
    ['Repr-Digest of the file', { 'repr-digest': `sha-512=:AAAA:, ${digestField(content)}` }, body, 201],
    ['Content-Digest of the whole body', { 'content-digest': digestField(body) }, body, 201],
    ['another algorithm', { 'content-digest': 'sha-512=:AAAA:' }, body, 201],
    ['a digest of the part', {}, `${partHead(`Content-Digest: ${digestField(content)}\r\n`)}${content}${TAIL}`, 201],
    ['a wrong one', { 'content-digest': digestField('other') }, body, 400],
    ['one wrong of two', { 'content-digest': digestField(content), 'repr-digest': digestField('other') }, body, 400],
    ['a wrong one of the part', {}, `${partHead(`Repr-Digest: ${digestField('other')}\r\n`)}${content}${TAIL}`, 400],
    ['the body’s on the part', {}, `${partHead(`Repr-Digest: ${digestField(body)}\r\n`)}${content}${TAIL}`, 400],
  ])('are checked: %s', async (_, headers, form, status) => {
    const reply = await sendForm(form, headers);
    expect(code(reply)).toEqual([status, status === 201 ? undefined : 'digest_mismatch']);
  });

  it.each([
    ['content-digest', 'sha-256=:short:'],
    ['repr-digest', 'nonsense:::'],
  ])('must be digests: %s %s', async (name, value) => {
    expect(code(await sendForm(body, { [name]: value }))).toEqual([400, 'invalid_digest']);
  });
});

describe('room', () => {
  it('refuses a file that is too large, declared or not', async () => {
    expect(code(await upload(Buffer.alloc(MAX + 1)))).toEqual([413, 'file_too_large']);
    expect((await upload(Buffer.alloc(MAX))).status).toBe(201);
    // Declared: refused before the form is read.
    expect(code(await upload(Buffer.alloc(MAX + 2_000_000)))).toEqual([413, 'file_too_large']);
  });

  it('is never exceeded, by however many uploads at once', async () => {
    const userId = uuidv7();
    // Ten fit.
    const replies = await Promise.all(Array.from({ length: 20 }, () => upload(Buffer.alloc(QUOTA / 10), { userId })));
    const statuses = replies.map(code).map(String).sort();
    expect(statuses).toEqual([...Array(10).fill('201,'), ...Array(10).fill('413,quota_exceeded')]);
    const usage = await app.call('GET', '/api/v1/files/usage', { token: app.token({ sub: userId }) });
    expect(usage.body.data).toEqual({ used: QUOTA, limit: QUOTA, count: 10 });
    expect(code(await upload('x', { userId }))).toEqual([413, 'quota_exceeded']);
    expect((await upload('', { userId })).status).toBe(201);
  });

  it('that the disk has not is told, and nothing stays', async () => {
    jest.spyOn(FolderObjectStore.prototype, 'begin').mockImplementation(async () => {
      const stream = new PassThrough();
      stream.once('data', () => stream.destroy(new StorageFullError(undefined)));
      return { stream, commit: async () => undefined, abort: async () => undefined };
    });
    const reply = await upload(Buffer.alloc(100_000));
    expect(code(reply)).toEqual([503, 'storage_full']);
    expect(reply.headers.get('retry-after')).toBe('60');
  });
});

describe('Idempotency-Key', () => {
  const key = (value: string) => ({ 'idempotency-key': value });

  it('replays the first answer without a second file', async () => {
    const userId = uuidv7();
    const body = `${partHead()}once${TAIL}`;
    const first = await sendForm(body, key('k1'), userId);
    const second = await sendForm(body, key('k1'), userId);
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.body.data).toEqual(first.body.data);
    expect(second.headers.get('idempotency-replayed')).toBe('true');
    expect(first.headers.get('idempotency-replayed')).toBeNull();
    expect([second.headers.get('location'), second.headers.get('etag')]).toEqual([
      first.headers.get('location'),
      first.headers.get('etag'),
    ]);
    const list = await app.call('GET', '/api/v1/files', { token: app.token({ sub: userId }) });
    expect(list.body.page.total).toBe(1);
    // Somebody else's key is another key.
    expect((await sendForm(body, key('k1'))).body.data.id).not.toBe(first.body.data.id);
  });

  it('replays even when the first upload has taken the space', async () => {
    const userId = uuidv7();
    for (let i = 0; i < 3; i++) await upload(Buffer.alloc(MAX), { userId });
    const body = Buffer.concat([Buffer.from(partHead()), Buffer.alloc(100_000), Buffer.from(TAIL)]);
    expect((await sendForm(body, key('last'), userId)).status).toBe(201);
    const again = await sendForm(body, key('last'), userId);
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([201, 'true']);
  });

  it('is not for another upload', async () => {
    const userId = uuidv7();
    await sendForm(`${partHead()}one${TAIL}`, key('k'), userId);
    expect(code(await sendForm(`${partHead()}longer${TAIL}`, key('k'), userId))).toEqual([
      422,
      'idempotency_key_reused',
    ]);
    const digest = { ...key('k'), 'content-digest': digestField('one') };
    expect(code(await sendForm(`${partHead()}one${TAIL}`, digest, userId))).toEqual([422, 'idempotency_key_reused']);
  });

  it('refuses a second upload while the first is under way, and takes it when the first has failed', async () => {
    const userId = uuidv7();
    const body = `${partHead()}${'x'.repeat(1000)}${TAIL}`;
    const first = openUpload(userId, { 'content-length': String(body.length), ...key('busy') });
    await first.write(body.slice(0, 300));
    await underWay(userId);
    const second = await sendForm(body, key('busy'), userId);
    expect(code(second)).toEqual([409, 'idempotency_in_progress']);
    first.socket.destroy();
    await settled(userId);
    expect((await sendForm(body, key('busy'), userId)).status).toBe(201);
  });

  it('is free again at once when the process that held it has died', async () => {
    const userId = uuidv7();
    await database.query(
      `INSERT INTO file.uploads (object_key, owner_id, heartbeat_at, idempotency_scope, idempotency_key)
       VALUES (gen_random_uuid(), $1, now() - interval '1 hour', $2, 'dead')`,
      [userId, `${userId}:uploadFile`],
    );
    expect((await sendForm(`${partHead()}x${TAIL}`, key('dead'), userId)).status).toBe(201);
    // The object it may have left behind is the sweeper's.
    expect(await database.query('DELETE FROM file.removals RETURNING object_key')).toHaveLength(1);
  });

  it('keeps nothing of an upload that failed', async () => {
    const userId = uuidv7();
    const body = `${partHead()}x${TAIL}`;
    const wrong = { ...key('retry'), 'content-digest': digestField('y') };
    expect((await sendForm(body, wrong, userId)).status).toBe(400);
    expect((await sendForm(body, key('retry'), userId)).status).toBe(201);
  });

  it('makes one file of the same upload sent twice at once', async () => {
    const userId = uuidv7();
    const body = `${partHead()}${'x'.repeat(200_000)}${TAIL}`;
    const replies = await Promise.all([1, 2, 3, 4].map(() => sendForm(body, key('same'), userId)));
    const made = replies.filter(({ status }) => status === 201);
    expect(made.length).toBeGreaterThan(0);
    expect(new Set(made.map((reply) => reply.body.data.id)).size).toBe(1);
    for (const reply of replies)
      if (reply.status !== 201) expect(code(reply)).toEqual([409, 'idempotency_in_progress']);
  });
});

interface OpenUpload {
  readonly socket: Socket;
  write(data: string | Buffer): Promise<void>;
  /** Everything the server said until it closed its side; rejects when the connection is reset. */
  answer(): Promise<string>;
}

/** A client that does as it is told, byte by byte. */
function openUpload(userId: string, headers: Record<string, string>): OpenUpload {
  const { hostname, port } = new URL(app.url);
  const socket = connect(Number(port), hostname);
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  const ended = new Promise<void>((resolve, reject) => {
    socket.once('end', resolve);
    socket.once('error', reject);
  });
  ended.catch(() => undefined);
  const lines = {
    host: 'localhost',
    authorization: `Bearer ${app.token({ sub: userId })}`,
    'content-type': `multipart/form-data; boundary=${BOUNDARY}`,
    ...headers,
  };
  socket.write(
    `POST /api/v1/files HTTP/1.1\r\n${Object.entries(lines)
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join('')}\r\n`,
  );
  return {
    socket,
    write: (data) => new Promise((resolve) => socket.write(data, () => resolve())),
    answer: async () => {
      await ended;
      return text;
    },
  };
}

async function until(what: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 25_000;
  while (!(await what())) {
    if (Date.now() > deadline) throw new Error('Waited in vain');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function countUploads(userId: string): Promise<number> {
  return (await database.query('SELECT 1 FROM file.uploads WHERE owner_id = $1', [userId])).length;
}

/** As the sweeper of another process does it. */
async function giveUp(userId: string): Promise<void> {
  await database.query(
    `WITH gone AS (DELETE FROM file.uploads WHERE owner_id = $1 RETURNING object_key)
     INSERT INTO file.removals (object_key) SELECT object_key FROM gone`,
    [userId],
  );
}

const underWay = (userId: string) => until(async () => (await countUploads(userId)) > 0);
const settled = (userId: string) =>
  until(
    async () =>
      (await countUploads(userId)) === 0 && (await database.query('SELECT 1 FROM file.removals')).length === 0,
  );

describe('a client that does not do its part', () => {
  it('leaves nothing when it goes away', async () => {
    const userId = uuidv7();
    const client = openUpload(userId, { 'content-length': '100000' });
    await client.write(`${partHead()}${'x'.repeat(50_000)}`);
    await underWay(userId);
    client.socket.destroy();
    await settled(userId);
  });

  it('is answered when it stops sending', async () => {
    const userId = uuidv7();
    const client = openUpload(userId, { 'content-length': '100000' });
    await client.write(`${partHead()}some`);
    const answer = await client.answer();
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(answer).toContain('"code":"request_timeout"');
    client.socket.destroy();
    await settled(userId);
  });

  it('is answered when it breaks the framing', async () => {
    const userId = uuidv7();
    const client = openUpload(userId, { 'transfer-encoding': 'chunked' });
    await client.write('5\r\nhello\r\nZZ\r\n');
    expect(await client.answer()).toMatch(/^HTTP\/1\.1 400 /);
    client.socket.destroy();
    await settled(userId);
  });

  it('gets the early answer although it keeps sending', async () => {
    const userId = uuidv7();
    const client = openUpload(userId, { 'content-length': '40000000' });
    const block = Buffer.alloc(1_000_000, 'x');
    // Sends all of it before it looks at the answer, as simple clients do.
    await client.write(partHead());
    for (let sent = 0; sent < 20; sent++) await client.write(block);
    const answer = await client.answer();
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toContain('"code":"file_too_large"');
    expect(answer.toLowerCase()).toContain('connection: close');
    client.socket.destroy();
  });

  it('may go on with another request once its upload is answered', async () => {
    const userId = uuidv7();
    const body = `${partHead()}x${TAIL}`;
    const client = openUpload(userId, { 'content-length': String(body.length) });
    await client.write(body);
    await client.write('GET /api/v1/files/usage HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n');
    const answer = await client.answer();
    expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 201', 'HTTP/1.1 401']);
  });

  it('keeps its upload alive by sending, however slowly, until it is given up', async () => {
    const userId = uuidv7();
    const client = openUpload(userId, { 'transfer-encoding': 'chunked' });
    const head = `${partHead()}x`;
    await client.write(`${head.length.toString(16)}\r\n${head}\r\n`);
    await underWay(userId);
    const beat = async () =>
      (await database.query('SELECT heartbeat_at FROM file.uploads WHERE owner_id = $1', [userId]))[0]?.heartbeat_at;
    const first = await beat();
    await until(async () => {
      await client.write('1\r\nx\r\n');
      return (await beat())?.valueOf() !== first?.valueOf();
    });
    await giveUp(userId);
    const answer = client.answer();
    const dripping = setInterval(() => void client.write('1\r\nx\r\n'), 50);
    expect(await answer.finally(() => clearInterval(dripping))).toMatch(/^HTTP\/1\.1 503 /);
    client.socket.destroy();
    await database.query('DELETE FROM file.removals');
  });

  it('is told when its upload was given up meanwhile', async () => {
    const userId = uuidv7();
    const body = `${partHead()}${'x'.repeat(1000)}${TAIL}`;
    const client = openUpload(userId, { 'content-length': String(body.length), connection: 'close' });
    await client.write(body.slice(0, 300));
    await underWay(userId);
    await giveUp(userId);
    await client.write(body.slice(300));
    expect(await client.answer()).toMatch(/^HTTP\/1\.1 503 /);
    await database.query('DELETE FROM file.removals');
  });
});
