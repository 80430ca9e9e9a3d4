import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Body, Controller, Module, Param, Query } from '@nestjs/common';
import { Public, Roles } from '@nexus/auth-guards';
import { ResponseCache } from '@nexus/caching';
import { Database, DatabaseModule } from '@nexus/database';
import { assertVersion, Caller, cursorQuery, Endpoint, type ExpectedVersion, IfMatch, idParam } from '@nexus/http';
import { type Page, type UserActor, uuidv7 } from '@nexus/kernel';
import { startTestApp, type TestApp, type TokenFacts } from '@nexus/testing';
import { z } from 'zod';
import { defineService } from './define-service.js';
import { schemaChecks } from './health.js';

const noteBody = z.strictObject({
  title: z.string().min(1).max(50),
  page_count: z.int().optional(),
  metadata: z.record(z.string(), z.unknown()).optional(),
});
const note = z
  .object({ id: z.uuid(), title: z.string(), version: z.int(), metadata: z.unknown(), page_count: z.int().nullable() })
  .meta({ id: 'Note' });

let loads = 0;

@Controller('api/v1/notes')
class NotesController {
  constructor(
    private readonly database: Database,
    private readonly cache: ResponseCache,
  ) {}

  @Endpoint('POST', '', {
    operation: 'createNote',
    summary: 'Create',
    status: 201,
    response: note,
    location: (data: { id: string }) => `/api/v1/notes/${data.id}`,
  })
  async create(@Body({ schema: noteBody }) body: z.output<typeof noteBody>, @Caller() caller: UserActor) {
    const id = uuidv7();
    await this.database.transaction(async (tx) => {
      await tx.prepared('INSERT INTO auth.notes (id, owner, title, metadata) VALUES ($1, $2, $3, $4)', [
        id,
        caller.id,
        body.title,
        JSON.stringify(body.metadata ?? {}),
      ]);
    });
    return { id, title: body.title, version: 1, metadata: body.metadata ?? {}, page_count: body.page_count ?? null };
  }

  @Public()
  @Endpoint('GET', 'open', { operation: 'getOpen', summary: 'Open', response: z.object({ hello: z.string() }) })
  open() {
    return { hello: 'world' };
  }

  @Roles('admin')
  @Endpoint('GET', 'secret', { operation: 'getSecret', summary: 'Admins', response: z.object({ ok: z.boolean() }) })
  secret() {
    return { ok: true };
  }

  @Endpoint('GET', 'crash', { operation: 'getCrash', summary: 'Crash' })
  crash() {
    throw new Error('the password is hunter2');
  }

  @Endpoint('GET', 'slow', { operation: 'getSlow', summary: 'Slow', timeoutMs: 300 })
  slow() {
    return new Promise(() => undefined);
  }

  @Endpoint('GET', ':id', {
    operation: 'getNote',
    summary: 'Read',
    response: note,
    cache: { audience: 'user', tags: ['note:{id}'] },
  })
  async read(@Param({ schema: idParam }) { id }: { id: string }) {
    loads++;
    const [row] = await this.database.prepared<{ title: string; version: number; metadata: unknown }>(
      'SELECT title, version, metadata FROM auth.notes WHERE id = $1',
      [id],
    );
    return { id, title: row?.title, version: row?.version, metadata: row?.metadata, page_count: null };
  }

  @Endpoint('PATCH', ':id', { operation: 'updateNote', summary: 'Change', response: note })
  async update(
    @Param({ schema: idParam }) { id }: { id: string },
    @Body({ schema: noteBody.partial() }) body: { title?: string },
    @IfMatch() expected: ExpectedVersion | undefined,
  ) {
    return this.database.transaction(async (tx) => {
      const [row] = await tx.prepared<{ version: number; title: string }>(
        'SELECT version, title FROM auth.notes WHERE id = $1 FOR UPDATE',
        [id],
      );
      assertVersion(expected, row?.version ?? 0);
      const version = (row?.version ?? 0) + 1;
      await tx.prepared('UPDATE auth.notes SET title = $2, version = $3 WHERE id = $1', [
        id,
        body.title ?? row?.title,
        version,
      ]);
      tx.afterCommit(() => this.cache.invalidate([`note:${id}`]));
      return { id, title: body.title ?? row?.title, version, metadata: {}, page_count: null };
    });
  }

  @Endpoint('GET', '', { operation: 'listNotes', summary: 'List', list: note })
  async list(
    @Query({ schema: cursorQuery(['created_at'], 'created_at') }) query: { limit: number },
  ): Promise<Page<unknown>> {
    return { items: [], limit: query.limit, nextCursor: null, total: 0 };
  }
}

@Module({ imports: [DatabaseModule.forService('auth')], controllers: [NotesController] })
class NotesModule {}

class Notes1763856000002 {
  readonly name = 'Notes1763856000002';
  async up(runner: { query(sql: string): Promise<unknown> }) {
    await runner.query(
      'CREATE TABLE auth.notes (id uuid PRIMARY KEY, owner uuid NOT NULL, title text NOT NULL, metadata jsonb NOT NULL, version int NOT NULL DEFAULT 1)',
    );
  }
  async down(runner: { query(sql: string): Promise<unknown> }) {
    await runner.query('DROP TABLE auth.notes');
  }
}

const notesService = defineService({
  name: 'auth',
  port: 8081,
  module: async () => NotesModule,
  database: { migrations: [Notes1763856000002 as never] },
});

let app: TestApp;
const token = (facts?: TokenFacts) => app.token(facts);
const call: TestApp['call'] = (...args) => app.call(...args);

/** Sends bytes as they are and gives back all that is answered until the connection ends or a body is complete. */
async function bytes(text: string): Promise<string> {
  const { port, hostname } = new URL(app.url);
  const socket = connect(Number(port), hostname);
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk.toString('latin1');
    if (answer.endsWith('}')) setTimeout(() => socket.end(), 20);
  });
  socket.on('error', () => undefined);
  socket.write(text, 'latin1');
  await Promise.race([once(socket, 'close'), new Promise((resolve) => setTimeout(resolve, 3000).unref())]);
  socket.destroy();
  return answer;
}

beforeAll(async () => {
  app = await startTestApp({ services: [notesService] });
}, 60_000);

afterAll(async () => {
  await app?.stop();
});

describe('a process', () => {
  test('is ready on the schema of its code, and not on an older one', async () => {
    const { databases } = app.running.app;
    const migrations = notesService.database?.migrations ?? [];
    const newer = { ...notesService, database: { migrations: [...migrations, class Later1963856000000 {} as never] } };
    const [own, tooNew] = schemaChecks(databases, [notesService, newer]);
    await expect(own?.check()).resolves.toBeUndefined();
    await expect(tooNew?.check()).rejects.toMatchObject({ status: 503 });
  });

  test('answers in the envelope, with limits and the request id', async () => {
    const reply = await call('GET', '/api/v1/notes/open', {
      headers: { 'x-request-id': '6f9619ff-8b86-4d11-b42d-00c04fc964ff' },
    });
    expect(reply.status).toBe(200);
    expect(reply.body).toEqual({
      success: true,
      data: { hello: 'world' },
      request_id: '6f9619ff-8b86-4d11-b42d-00c04fc964ff',
    });
    expect(reply.headers.get('x-request-id')).toBe(reply.body.request_id);
    expect(reply.headers.get('ratelimit-limit')).toBe('100');
    expect(reply.headers.get('x-content-type-options')).toBe('nosniff');
    expect(reply.headers.get('server')).toBeNull();
  });

  test('creates, serves from the cache, and shows a change at once', async () => {
    const mine = token();
    const created = await call('POST', '/api/v1/notes', {
      token: mine,
      body: { title: 'one', pageCount: 3, metadata: { camelKey: { innerKey: 1 } } },
    });
    expect(created.status).toBe(201);
    const { id } = created.body.data;
    expect(created.body.data).toMatchObject({ page_count: 3, metadata: { camelKey: { innerKey: 1 } } });
    expect(created.headers.get('location')).toBe(`/api/v1/notes/${id}`);
    const first = await call('GET', `/api/v1/notes/${id}`, { token: mine });
    expect(first.headers.get('cache-status')).toBe('nexus; fwd=miss');
    const before = loads;
    const second = await call('GET', `/api/v1/notes/${id}`, { token: mine });
    expect(second.headers.get('cache-status')).toMatch(/^nexus; hit; detail=l1/);
    expect(loads).toBe(before);
    expect(second.body.data).toEqual(first.body.data);
    expect(second.body.request_id).not.toBe(first.body.request_id);
    const etag = second.headers.get('etag') as string;
    expect((await call('GET', `/api/v1/notes/${id}`, { token: mine, headers: { 'if-none-match': etag } })).status).toBe(
      304,
    );
    const stale = await call('PATCH', `/api/v1/notes/${id}`, {
      token: mine,
      body: { title: 'x' },
      headers: { 'if-match': '"9-zzz"' },
    });
    expect(stale.body).toMatchObject({ success: false, error_code: 412 });
    const changed = await call('PATCH', `/api/v1/notes/${id}`, {
      token: mine,
      body: { title: 'two' },
      headers: { 'if-match': etag },
    });
    expect(changed.status).toBe(200);
    expect((await call('GET', `/api/v1/notes/${id}`, { token: mine })).body.data).toMatchObject({
      title: 'two',
      version: 2,
    });
    const fresh = await call('GET', `/api/v1/notes/${id}`, { token: mine, headers: { 'cache-control': 'no-cache' } });
    expect(fresh.headers.get('cache-status')).toBe('nexus; fwd=request');
  });

  test('loads once for many who miss at once', async () => {
    const mine = token();
    const { id } = (await call('POST', '/api/v1/notes', { token: mine, body: { title: 'one' } })).body.data;
    const before = loads;
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => call('GET', `/api/v1/notes/${id}`, { token: mine })),
    );
    expect(replies.every((reply) => reply.status === 200)).toBe(true);
    expect(loads - before).toBe(1);
    expect(new Set(replies.map((reply) => reply.body.request_id)).size).toBe(20);
  });

  test('replays the first answer of an idempotency key', async () => {
    const mine = token();
    const send = (title: string, key: string) =>
      call('POST', '/api/v1/notes', { token: mine, body: { title }, headers: { 'idempotency-key': key } });
    const [a, b] = [await send('one', 'k'), await send('one', 'k')];
    expect(a.status).toBe(201);
    expect(b.status).toBe(201);
    expect(b.body.data).toEqual(a.body.data);
    expect(b.headers.get('idempotency-replayed')).toBe('true');
    expect(b.headers.get('location')).toBe(a.headers.get('location'));
    expect((await send('other', 'k')).body).toMatchObject({
      error_code: 422,
      details: [{ code: 'idempotency_key_reused' }],
    });
    const race = await Promise.all(Array.from({ length: 8 }, () => send('race', 'r')));
    const made = race.filter((reply) => reply.status === 201);
    expect(new Set(made.map((reply) => reply.body.data.id)).size).toBe(1);
    expect(race.filter((reply) => reply.status !== 201).every((reply) => reply.status === 409)).toBe(true);
  });

  test('names every fault of a body', async () => {
    const reply = await call('POST', '/api/v1/notes', {
      token: token(),
      body: { title: '', extra: 1, page_count: 'x' },
    });
    expect(reply.status).toBe(400);
    expect(
      reply.body.details?.map(({ code, field }: { code: string; field: string }) => `${field}:${code}`).sort(),
    ).toEqual(['extra:unknown_field', 'page_count:invalid_type', 'title:too_small']);
  });

  test.each([
    ['malformed JSON', '{"title":', 'malformed_json'],
    ['a prototype key', '{"title":"x","__proto__":{"a":1}}', 'malformed_json'],
    ['NUL in text', '{"title":"\\u0000"}', 'invalid_encoding'],
    ['bad UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 'invalid_encoding'],
    ['deep nesting', `{"metadata":${'['.repeat(200)}${']'.repeat(200)}}`, 'malformed_json'],
  ])('refuses %s', async (_name, body, code) => {
    const reply = await call('POST', '/api/v1/notes', { token: token(), body });
    expect(reply.body).toMatchObject({ success: false, error_code: 400, details: [{ code }] });
  });

  test('refuses other types, sizes, methods, addresses and answers', async () => {
    const mine = token();
    expect(
      (await call('POST', '/api/v1/notes', { token: mine, body: '<a/>', headers: { 'content-type': 'text/xml' } })).body
        .error_code,
    ).toBe(415);
    expect(
      (await call('POST', '/api/v1/notes', { token: mine, body: `{"title":"${'x'.repeat(1_100_000)}"}` })).body
        .error_code,
    ).toBe(413);
    const method = await call('PUT', '/api/v1/notes', { token: mine });
    expect(method.body.error_code).toBe(405);
    expect(method.headers.get('allow')).toContain('POST');
    expect((await call('GET', '/nowhere')).body).toMatchObject({ error_code: 404, details: [{ code: 'not_found' }] });
    expect((await call('GET', '/api/v1/notes/open', { headers: { accept: 'text/html' } })).body.error_code).toBe(406);
    expect((await call('GET', '/api/v1/notes/NOT-AN-ID', { token: mine })).body).toMatchObject({
      error_code: 400,
      details: [{ code: 'invalid_id', field: 'id' }],
    });
  });

  test('takes forms', async () => {
    const reply = await call('POST', '/api/v1/notes', {
      token: token(),
      body: 'title=a+b&pageCount=7',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    expect(reply.body.data).toMatchObject({ title: 'a b', page_count: 7 });
  });

  test('a crash says nothing, a slow handler ends', async () => {
    const crash = await call('GET', '/api/v1/notes/crash', { token: token() });
    expect(crash.body).toMatchObject({ error_code: 500, error: 'Something went wrong on our side.' });
    expect(JSON.stringify(crash.body)).not.toContain('hunter2');
    expect((await call('GET', '/api/v1/notes/slow', { token: token() })).body.error_code).toBe(504);
  });

  test('checks tokens', async () => {
    const path = '/api/v1/notes';
    const none = await call('GET', path);
    expect(none.body).toMatchObject({ error_code: 401, details: [{ code: 'unauthenticated' }] });
    expect(none.headers.get('www-authenticate')).toContain('Bearer');
    const expired = token({ exp: Math.floor(Date.now() / 1000) - 1 });
    expect((await call('GET', path, { token: expired })).body.details?.[0]?.code).toBe('token_expired');
    const foreign = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    expect((await call('GET', path, { token: token({ key: foreign }) })).body.details?.[0]?.code).toBe('token_invalid');
    expect((await call('GET', path, { token: token({ alg: 'none' }) })).body.details?.[0]?.code).toBe('token_invalid');
    expect((await call('GET', '/api/v1/notes/secret', { token: token() })).body.error_code).toBe(403);
    expect((await call('GET', '/api/v1/notes/secret', { token: token({ role: 'admin' }) })).status).toBe(200);
    const sid = uuidv7();
    const mine = token({ sid });
    expect((await call('GET', path, { token: mine })).status).toBe(200);
    app.mint.revoke(sid);
    expect((await call('GET', path, { token: mine })).body.details?.[0]?.code).toBe('session_ended');
  });

  test('answers malformed HTTP in the one format', async () => {
    expect(await bytes('GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 400 [\s\S]*"success":false/,
    );
    expect(await bytes('GET / HTTP/1.1\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 [\s\S]*"success":false/);
    expect(await bytes('RUBBISH\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 [\s\S]*"error_code":400/);
    expect(await bytes(`GET / HTTP/1.1\r\nHost: a\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 431 [\s\S]*"error_code":431/,
    );
    expect(await bytes('GET /%ff HTTP/1.1\r\nHost: a\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
    expect(await bytes('GET /health/live HTTP/1.1\r\nHost: a\r\nExpect: magic\r\n\r\n')).toMatch(/^HTTP\/1\.1 417 /);
  });

  test('a request that is whole gets its own answer, whatever comes after it', async () => {
    const answer = await bytes('GET /api/v1/notes/open HTTP/1.1\r\nHost: a\r\n\r\nrubbish\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1\.1 200 [\s\S]*HTTP\/1\.1 400 /);
  });

  test('what is no HTTP counts against its address, and says so', async () => {
    expect(await bytes('RUBBISH\r\n\r\n')).toMatch(/ratelimit-remaining: \d+/i);
    expect(await bytes('GET /%ff HTTP/1.1\r\nHost: a\r\n\r\n')).toMatch(/ratelimit-remaining: \d+/i);
  });

  test('a refusal keeps the connection, unless much of the body is still to come', async () => {
    const answer = await bytes('GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1\.1 404 /);
    expect(answer).toContain('Connection: keep-alive');
    const small = await bytes('POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}');
    expect(small).toContain('Connection: keep-alive');
    const large = await bytes('POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n{');
    expect(large).toContain('Connection: close');
  });

  test('tells its health', async () => {
    expect((await call('GET', '/health/ready')).body.data).toEqual({ status: 'ok' });
    const management = await fetch(`${app.running.managementUrl}/metrics`);
    const text = await management.text();
    expect(text).toContain('http_server_request_duration_seconds_bucket');
    expect(text).toContain('db_pool_connections{service="auth"');
    expect((await fetch(`${app.running.managementUrl}/health/ready`)).status).toBe(200);
  });

  test('counts anonymous callers by address, exactly, in a flood', async () => {
    const replies = await Promise.all(Array.from({ length: 150 }, () => call('GET', '/api/v1/notes/open')));
    const passed = replies.filter((reply) => reply.status === 200).length;
    const refused = replies.filter((reply) => reply.status === 429);
    expect(passed + refused.length).toBe(150);
    expect(passed).toBeLessThanOrEqual(100);
    expect(refused[0]?.headers.get('retry-after')).toBe(refused[0]?.headers.get('ratelimit-reset'));
  });
});
