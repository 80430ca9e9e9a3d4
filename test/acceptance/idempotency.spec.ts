import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import { randomEmail, randomPassword, randomWord, times } from './support/chance.js';
import { anyone, type Client } from './support/client.js';
import { digestField, tryUpload } from './support/files.js';
import { formEnd, partHead } from './support/multipart.js';
import { createProject, type Person, register } from './support/people.js';
import { HOST, lines, RawConnection } from './support/raw-http.js';
import type { Reply } from './support/reply.js';
import type { Project, StoredFile } from './support/resources.js';
import { eventually } from './support/waiting.js';

const projects = '/api/v1/projects';
const key = (value: string) => ({ 'idempotency-key': value });
const create = (client: Client, body: unknown, value: string) => client.post(projects, body, key(value));
const idOf = (reply: Reply) => reply.data<{ id: string }>().id;
const total = async (client: Client) => (await client.get(`${projects}?limit=1`)).page.total;

describe('a key', () => {
  test('makes a repetition answer what the first one did', async () => {
    const ada = await register();
    const value = randomUUID();
    const first = (await create(ada, { name: 'Once' }, value)).is(201);
    expect(first.header('idempotency-replayed')).toBeNull();
    for (const _n of times(3)) {
      const again = (await create(ada, { name: 'Once' }, value)).is(201);
      expect(again.header('idempotency-replayed')).toBe('true');
      expect(again.data()).toEqual(first.data());
      expect(again.header('location')).toBe(first.header('location'));
      expect(again.header('etag')).toBe(first.header('etag'));
      expect(again.required('x-request-id')).not.toBe(first.required('x-request-id'));
    }
    expect(await total(ada)).toBe(1);
  });

  test('replays the first answer although the thing has changed since', async () => {
    const ada = await register();
    const value = randomUUID();
    const first = (await create(ada, { name: 'First' }, value)).is(201);
    (await ada.patch(`${projects}/${idOf(first)}`, { name: 'Second' })).is(200);
    expect((await create(ada, { name: 'First' }, value)).is(201).data()).toEqual(first.data());
    expect((await ada.get(`${projects}/${idOf(first)}`)).data<Project>().name).toBe('Second');
  });

  test('works on PATCH, too', async () => {
    const ada = await register();
    const { id } = await createProject(ada);
    const [one, two] = [randomUUID(), randomUUID()];
    const first = (await ada.patch(`${projects}/${id}`, { name: 'One' }, key(one))).is(200);
    (await ada.patch(`${projects}/${id}`, { name: 'Two' }, key(two))).is(200);
    const again = (await ada.patch(`${projects}/${id}`, { name: 'One' }, key(one))).is(200);
    expect(again.header('idempotency-replayed')).toBe('true');
    expect(again.data()).toEqual(first.data());
    expect((await ada.get(`${projects}/${id}`)).data<Project>()).toMatchObject({ name: 'Two', version: 3 });
  });

  test('works where there is no body to answer', async () => {
    const ada = await register();
    const value = randomUUID();
    (await ada.post('/api/v1/notifications/read-all', undefined, key(value))).is(200);
    const again = (await ada.post('/api/v1/notifications/read-all', undefined, key(value))).is(200);
    expect(again.header('idempotency-replayed')).toBe('true');
  });

  test('of another body is refused, and nothing is done', async () => {
    const ada = await register();
    const value = randomUUID();
    (await create(ada, { name: 'One' }, value)).is(201);
    for (const body of [{ name: 'Two' }, { name: 'One', tags: [] }, { name: 'One', description: 'x' }]) {
      (await create(ada, body, value)).fails(422, 'idempotency_key_reused');
    }
    expect(await total(ada)).toBe(1);
  });

  test('is the caller’s own', async () => {
    const [ada, bob] = await Promise.all([register(), register()]);
    const value = randomUUID();
    const hers = (await create(ada, { name: 'Same' }, value)).is(201);
    const his = (await create(bob, { name: 'Same' }, value)).is(201);
    expect(idOf(his)).not.toBe(idOf(hers));
    expect(his.header('idempotency-replayed')).toBeNull();
    (await bob.get(`${projects}/${idOf(hers)}`)).is(404);
  });

  test('holds in every session of the caller', async () => {
    const ada = await register();
    const value = randomUUID();
    const first = (await create(ada, { name: 'Sessions' }, value)).is(201);
    const again = (await create(await ada.signInAgain(), { name: 'Sessions' }, value)).is(201);
    expect(idOf(again)).toBe(idOf(first));
  });

  test('is the route’s own', async () => {
    const ada = await register();
    const value = randomUUID();
    const first = (await create(ada, { name: 'Route' }, value)).is(201);
    const other = await ada.post(`${projects}/${idOf(first)}/archive`, undefined, key(value));
    expect(other.is(200).header('idempotency-replayed')).toBeNull();
    expect(other.data<Project>().status).toBe('archived');
  });

  test('used for one thing is not taken for another of the same route', async () => {
    const ada = await register();
    const [one, two] = [await createProject(ada), await createProject(ada)];
    const value = randomUUID();
    (await ada.patch(`${projects}/${one.id}`, { name: 'Mine' }, key(value))).is(200);
    const other = await ada.patch(`${projects}/${two.id}`, { name: 'Mine' }, key(value));
    if (other.status === 200) {
      expect(other.data<Project>().id).toBe(two.id);
      expect(other.header('idempotency-replayed')).toBeNull();
    } else other.fails(422, 'idempotency_key_reused');
  });
});

describe('at the same time', () => {
  test('one does the work, the others wait their turn or hear of it', async () => {
    const ada = await register();
    for (const round of times(3)) {
      const value = randomUUID();
      const replies = await Promise.all(times(12).map(() => create(ada, { name: `Race ${round}` }, value)));
      const made = replies.filter((reply) => reply.status === 201);
      expect(new Set(made.map(idOf)).size).toBe(1);
      expect(made.filter((reply) => reply.header('idempotency-replayed') === null)).toHaveLength(1);
      for (const reply of replies) if (reply.status !== 201) reply.fails(409, 'idempotency_in_progress');
      expect((await create(ada, { name: `Race ${round}` }, value)).is(201).header('idempotency-replayed')).toBe('true');
    }
    expect(await total(ada)).toBe(3);
  });
});

describe('what is refused', () => {
  test.each([
    ['register', () => ({ email: randomEmail(), password: randomPassword(), name: 'Keyed' })],
    ['login', () => ({ email: randomEmail(), password: randomPassword() })],
    ['refresh', () => ({ refresh_token: 'x' })],
  ])('a key on a route that returns secrets: %s', async (route, body) => {
    const reply = await anyone().post(`/api/v1/auth/${route}`, body(), key(randomUUID()));
    reply.fails(400, 'idempotency_key_not_allowed');
  });

  test('such a registration makes no account', async () => {
    const [email, password] = [randomEmail(), randomPassword()];
    (await anyone().post('/api/v1/auth/register', { email, password, name: 'Keyed' }, key('k'))).is(400);
    (await anyone().post('/api/v1/auth/login', { email, password })).is(401);
  });

  test.each([
    ['empty', ''],
    ['too long', 'k'.repeat(256)],
    ['not printable', 'a\tb'],
    ['not ASCII', 'sch\u00fcssel'],
  ])('a key that is none: %s', async (_what, value) => {
    const ada = await register();
    (await create(ada, { name: 'Bad key' }, value)).fails(400, 'invalid_idempotency_key');
    expect(await total(ada)).toBe(0);
  });

  test('the longest key is taken', async () => {
    const ada = await register();
    const value = `${randomWord()} ~!"#$%&'()*+,-./:;<=>?@[]^_{|}`.padEnd(255, 'k');
    const first = (await create(ada, { name: 'Long key' }, value)).is(201);
    expect(idOf(await create(ada, { name: 'Long key' }, value))).toBe(idOf(first));
  });
});

describe('after a failure', () => {
  test('the work can be done under the same key', async () => {
    const ada = await register();
    const value = randomUUID();
    const { id } = await createProject(ada);
    (await ada.patch(`${projects}/${id}`, { name: 'x' }, { ...key(value), 'if-match': '"stale"' })).is(412);
    const retried = (await ada.patch(`${projects}/${id}`, { name: 'x' }, key(value))).is(200);
    expect(retried.header('idempotency-replayed')).toBeNull();
    expect(retried.data<Project>().name).toBe('x');
  });

  test('a request without credentials uses up no key', async () => {
    const ada = await register();
    const value = randomUUID();
    (await create(anyone(), { name: 'Later' }, value)).is(401);
    expect((await create(ada, { name: 'Later' }, value)).is(201).header('idempotency-replayed')).toBeNull();
  });
});

describe('an upload', () => {
  const content = Buffer.from(`content of ${randomWord()}\n`.repeat(2000));
  const uploadKey = (value: string) => ({ ...key(value), 'content-digest': digestField(content) });
  const count = async (client: Client) => (await client.get('/api/v1/files?limit=1')).page.total;

  /** Starts an upload and stops in the middle of its content. */
  async function half(person: Person, value: string): Promise<{ connection: RawConnection; rest: Buffer }> {
    const boundary = `----half${randomWord()}`;
    const body = Buffer.concat([
      partHead(boundary, { name: 'file', filename: 'note.txt', type: 'text/plain' }),
      content,
      Buffer.from('\r\n'),
      formEnd(boundary),
    ]);
    const connection = await RawConnection.open('half an upload');
    await connection.write(
      lines(
        'POST /api/v1/files HTTP/1.1',
        `Host: ${HOST}`,
        `X-Forwarded-For: ${person.address}`,
        `Authorization: Bearer ${person.tokens.access_token}`,
        `Content-Type: multipart/form-data; boundary=${boundary}`,
        `Content-Length: ${body.length}`,
        `Idempotency-Key: ${value}`,
        `Content-Digest: ${digestField(content)}`,
      ),
    );
    const middle = body.length >> 1;
    await connection.write(body.subarray(0, middle));
    return { connection, rest: body.subarray(middle) };
  }

  test('is stored once', async () => {
    const ada = await register();
    const value = randomUUID();
    const upload = { content, headers: uploadKey(value) };
    const first = (await tryUpload(ada, upload)).is(201);
    const again = (await tryUpload(ada, upload)).is(201);
    expect(again.header('idempotency-replayed')).toBe('true');
    expect(again.data<StoredFile>()).toEqual(first.data<StoredFile>());
    expect(await count(ada)).toBe(1);
  });

  test('of something else under the same key is refused', async () => {
    const ada = await register();
    const value = randomUUID();
    (await tryUpload(ada, { content, headers: uploadKey(value) })).is(201);
    const other = Buffer.from('something else');
    const headers = { ...key(value), 'content-digest': digestField(other) };
    (await tryUpload(ada, { content: other, headers })).fails(422, 'idempotency_key_reused');
    expect(await count(ada)).toBe(1);
  });

  test('that still runs keeps others away', async () => {
    const ada = await register();
    const value = randomUUID();
    const uploads = await Promise.all(times(3).map(() => half(ada, value)));
    const answers = uploads.map(async ({ connection }) => (await connection.answer(10_000)) as Reply);
    const running = new Set(uploads);
    // All stop in the middle: whoever is answered now has been turned away.
    for (const [n, answer] of answers.entries()) {
      answer.then(
        () => running.delete(uploads[n] as (typeof uploads)[number]),
        () => undefined,
      );
    }
    await eventually(
      async () => running.size,
      (size) => size === 1,
      { withinMs: 5000, what: 'all but one turned away' },
    );
    const [first] = [...running] as [(typeof uploads)[number]];
    (await tryUpload(ada, { content, headers: uploadKey(value) })).fails(409, 'idempotency_in_progress');
    await first.connection.write(first.rest);
    const replies = await Promise.all(answers);
    const made = replies.filter((reply) => reply.status === 201) as [Reply];
    for (const reply of replies) if (reply !== made[0]) reply.fails(409, 'idempotency_in_progress');
    expect(made).toHaveLength(1);
    expect(made[0].header('idempotency-replayed')).toBeNull();
    for (const { connection } of uploads) connection.destroy();
    const replayed = (await tryUpload(ada, { content, headers: uploadKey(value) })).is(201);
    expect(replayed.data<StoredFile>().id).toBe(made[0].data<StoredFile>().id);
    expect(await count(ada)).toBe(1);
  });

  test('that broke off can be sent again under the same key', async () => {
    const ada = await register();
    const value = randomUUID();
    const { connection } = await half(ada, value);
    connection.socket.resetAndDestroy();
    await once(connection.socket, 'close');
    const retried = await eventually(
      () => tryUpload(ada, { content, headers: uploadKey(value) }),
      (reply) => reply.is(201, 409).status === 201,
      { withinMs: 5000, what: 'the upload sent again', everyMs: 100 },
    );
    expect(retried.header('idempotency-replayed')).toBeNull();
    expect(await count(ada)).toBe(1);
  });
});
