import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { TIMESTAMP, UUID_V4, UUID_V7 } from './support/answer-rules.js';
import { labelled } from './support/cases.js';
import { randomWord, times } from './support/chance.js';
import { anyone, type Client } from './support/client.js';
import { KNOWN_ORIGIN } from './support/environment.js';
import { createProject, type Person, register } from './support/people.js';
import type { Profile, Project } from './support/resources.js';

let ada: Person;
const projects = '/api/v1/projects';

beforeAll(async () => {
  ada = await register('Ada');
});

const jsonType = { 'content-type': 'application/json' };
const send = (client: Client, body: string | Buffer, type = 'application/json') =>
  client.send('POST', projects, { body, headers: { 'content-type': type } });

describe('answers', () => {
  test('are wrapped, with canonical keys, ids and times', async () => {
    const project = await createProject(ada, { tags: ['one'] });
    expect(project.id).toMatch(UUID_V7);
    expect(project.created_at).toMatch(TIMESTAMP);
    expect(project.updated_at).toMatch(TIMESTAMP);
    expect(Math.abs(Date.parse(project.created_at) - Date.now())).toBeLessThan(60_000);
    for (const key of Object.keys(project)) expect(key).toMatch(/^[a-z][a-z0-9_]*$/);
  });

  test('say which language they speak', async () => {
    const reply = await ada.get('/api/v1/users/me');
    expect(reply.required('content-type').toLowerCase()).toMatch(/^application\/json; ?charset=utf-8$/);
  });

  test('carry the location of what was created', async () => {
    const reply = (await ada.post(projects, { name: 'Here' })).is(201);
    const { id } = reply.data<Project>();
    const location = new URL(reply.required('location'), 'http://any');
    expect(location.pathname).toBe(`${projects}/${id}`);
    (await ada.get(location.pathname)).is(200);
  });

  test('have no body where there is nothing to say', async () => {
    const { id } = await createProject(ada);
    const reply = (await ada.delete(`${projects}/${id}`)).is(204);
    expect(reply.bytes).toHaveLength(0);
    expect(reply.header('content-type')).toBeNull();
  });
});

describe('request ids', () => {
  test('a UUID v4 of the client is kept, also in an error', async () => {
    const [one, two] = [randomUUID(), randomUUID()];
    const reply = await ada.get('/api/v1/users/me', { headers: { 'x-request-id': one } });
    expect(reply.is(200).json.request_id).toBe(one);
    const fault = await ada.get('/api/v1/nothing-here', { headers: { 'x-request-id': two } });
    expect(fault.is(404).error.request_id).toBe(two);
  });

  test.each(
    labelled(
      'not-a-uuid',
      '6f9619ff-8b86-1d11-b42d-00c04fc964ff',
      '019320b2-7d5c-7c3e-8a51-3f0d8d5b6a10',
      '6f9619ff-8b86-4d11-b42d-00c04fc964ff-and-more',
      '{6f9619ff-8b86-4d11-b42d-00c04fc964ff}',
      'x'.repeat(2000),
    ),
  )('%s is replaced', async (_label, given) => {
    const reply = await ada.get('/api/v1/users/me', { headers: { 'x-request-id': given } });
    expect(reply.is(200).required('x-request-id')).not.toBe(given);
    expect(reply.required('x-request-id')).toMatch(UUID_V4);
  });

  test('no two answers share one', async () => {
    const replies = await Promise.all(times(50).map(() => ada.get('/api/v1/users/me')));
    expect(new Set(replies.map((reply) => reply.required('x-request-id'))).size).toBe(50);
  });
});

describe('addresses and methods', () => {
  test.each(
    labelled(
      '/nowhere',
      '/api/v1',
      '/api/v1/',
      '/api/v2/projects',
      '/api/v1/Projects',
      '/api/v1/users/me/nothing',
      '/internal/v1/projects/access',
      '/metrics',
      '/favicon.ico',
      '/.env',
      `/${'deep/'.repeat(200)}`,
    ),
  )('there is nothing at %s', async (_label, path) => {
    (await ada.get(path)).fails(404, 'not_found');
    (await ada.post(path, {})).fails(404, 'not_found');
  });

  test('a path may be written with percent signs, and climbs nowhere', async () => {
    (await ada.get('/api/v1/users/%6de')).is(200);
    (await ada.get('/api/v1/users/..%2f..%2f..%2fetc%2fpasswd')).is(400, 404);
  });

  test('the wrong method is told the right ones', async () => {
    const reply = (await ada.send('PUT', projects, { json: {} })).fails(405, 'method_not_allowed');
    const allowed = reply.required('allow').split(/, */);
    expect(allowed).toEqual(expect.arrayContaining(['GET', 'HEAD', 'POST']));
    expect(allowed).not.toContain('PUT');
    expect((await anyone().get('/api/v1/auth/login')).fails(405, 'method_not_allowed').required('allow')).toContain(
      'POST',
    );
  });

  test('HEAD is GET without the body', async () => {
    const { id } = await createProject(ada);
    const got = (await ada.get(`${projects}/${id}`)).is(200);
    const head = (await ada.head(`${projects}/${id}`)).is(200);
    expect(head.header('etag')).toBe(got.header('etag'));
    expect(head.header('content-type')).toBe(got.header('content-type'));
    expect(head.header('content-length')).toBe(got.header('content-length'));
    (await ada.head(`${projects}/${randomUUID()}`)).is(404);
    (await anyone().head('/api/v1/users/me')).is(401);
  });

  test('OPTIONS names the methods', async () => {
    const reply = (await anyone().send('OPTIONS', projects)).is(200, 204);
    expect(reply.required('allow').split(/, */)).toEqual(expect.arrayContaining(['GET', 'HEAD', 'POST', 'OPTIONS']));
    (await anyone().send('OPTIONS', '/nowhere')).is(404);
  });

  test.each([
    'not-an-id',
    '0',
    'null',
    '%00',
    '019320B2-7D5C-7C3E-8A51-3F0D8D5B6A10',
    `${randomUUID()}x`,
    "'; DROP TABLE x",
  ])('a malformed id in a path is a bad request: %s', async (id) => {
    const reply = (await ada.get(`${projects}/${id === '%00' ? id : encodeURIComponent(id)}`)).is(400);
    if (id !== '%00') reply.fails(400, 'invalid_id');
    (await ada.patch(`${projects}/${id === '%00' ? id : encodeURIComponent(id)}`, { name: 'x' })).is(400);
  });
});

describe('bodies', () => {
  test.each([
    ['cut off', '{"name":'],
    ['with a comma too many', '{"name":"x",}'],
    ['in single quotes', "{'name':'x'}"],
    ['with a comment', '{"name":"x"} // no'],
    ['two at once', '{"name":"x"}{"name":"y"}'],
    ['no JSON at all', 'name'],
    ['NaN', '{"name":NaN}'],
    ['a prototype', '{"name":"x","__proto__":{"admin":true}}'],
    ['an escaped prototype', '{"name":"x","\\u005f_proto__":{"admin":true}}'],
    ['a prototype further in', '{"name":"x","metadata":{"a":{"__proto__":{"admin":true}}}}'],
    ['a constructor with a prototype', '{"name":"x","constructor":{"prototype":{"admin":true}}}'],
    ['nested too deep', `{"name":"x","metadata":${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}}`],
    ['lists nested too deep', `{"name":"x","tags":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
  ])('that are no JSON are bad requests: %s', async (_name, body) => {
    (await send(ada, body)).fails(400, 'malformed_json');
  });

  test('a prototype key pollutes nothing', async () => {
    (await send(ada, '{"name":"x","__proto__":{"role":"admin","polluted":true}}')).is(400);
    const me = (await ada.get('/api/v1/users/me')).data<Profile & { polluted?: unknown }>();
    expect(me.polluted).toBeUndefined();
    expect(me.role).toBe('user');
  });

  test.each([
    ['bad UTF-8', Buffer.from([...Buffer.from('{"name":"'), 0xff, 0xfe, ...Buffer.from('"}')])],
    ['an overlong slash', Buffer.from([...Buffer.from('{"name":"'), 0xc0, 0xaf, ...Buffer.from('"}')])],
    ['a cut-off character', Buffer.from([...Buffer.from('{"name":"'), 0xe2, 0x82, ...Buffer.from('"}')])],
    ['NUL in a text', Buffer.from('{"name":"a\\u0000b"}')],
    ['NUL in a key', Buffer.from('{"name":"x","metadata":{"a\\u0000b":1}}')],
    ['half a surrogate pair', Buffer.from('{"name":"\\ud800"}')],
    ['UTF-16', Buffer.from('\ufeff{"name":"x"}', 'utf16le')],
  ])('that are no text are bad requests: %s', async (_name, body) => {
    (await send(ada, body)).is(400);
  });

  test.each(['null', '[]', '"text"', '12', 'true', ''])('that are no object are bad requests: %s', async (body) => {
    (await send(ada, body)).is(400);
  });

  test('every fault is named, with its dotted path', async () => {
    const reply = await ada.post(projects, { name: '', visibility: 'everyone', tags: ['ok', 7], unknown: 1 });
    const details = reply.is(400).error.details ?? [];
    const fields = details.map((detail) => detail.field);
    expect(fields).toEqual(expect.arrayContaining(['name', 'visibility', 'tags.1', 'unknown']));
    expect(details.find(({ field }) => field === 'unknown')?.code).toBe('unknown_field');
  });

  test('a missing body lists what is required', async () => {
    const reply = (await anyone().post('/api/v1/auth/register', {})).is(400);
    expect(reply.error.details?.map(({ field }) => field)).toEqual(
      expect.arrayContaining(['email', 'password', 'name']),
    );
    expect(new Set(reply.error.details?.map(({ code }) => code))).toEqual(new Set(['required']));
  });

  test('unknown parameters of a query are named, too', async () => {
    const reply = (await ada.get(projects, { query: { limit: 5, colour: 'red' } })).is(400);
    expect(reply.error.details).toEqual([expect.objectContaining({ code: 'unknown_field', field: 'colour' })]);
  });

  test('too large is said before all of it is sent', async () => {
    (await send(ada, `{"name":"${'x'.repeat(3 * 1024 * 1024)}"}`)).fails(413, 'payload_too_large');
    (await ada.get('/api/v1/users/me')).is(200);
  });

  test.each([
    'text/plain',
    'application/xml',
    'multipart/form-data; boundary=x',
    'application/octet-stream',
    'json',
    '/',
  ])('other types are refused: %s', async (type) => {
    (await send(ada, '{"name":"x"}', type)).fails(415, 'unsupported_media_type');
  });

  test('JSON in UTF-8 may say so', async () => {
    (await send(ada, '{"name":"x"}', 'application/json; charset=utf-8')).is(201);
    (await send(ada, '{"name":"x"}', 'Application/JSON')).is(201);
  });
});

describe('Accept', () => {
  test.each([
    'application/json',
    '*/*',
    'application/*',
    'text/html, application/json;q=0.5',
    'text/html, */*;q=0.1',
    'APPLICATION/JSON',
  ])('%s takes JSON', async (accept) => {
    (await ada.get('/api/v1/users/me', { headers: { accept } })).is(200);
  });

  test.each([
    'text/html',
    'application/xml',
    'image/*',
    'application/json;q=0',
    '*/*;q=0',
    'text/html, application/json; q=0.0',
  ])('%s does not', async (accept) => {
    (await ada.get('/api/v1/users/me', { headers: { accept } })).fails(406, 'not_acceptable');
  });

  test('an error is JSON whatever is accepted', async () => {
    (await ada.get('/nowhere', { headers: { accept: 'text/html' } })).fails(404, 'not_found');
  });
});

describe('credentials', () => {
  const path = '/api/v1/users/me';

  test('none are asked for', async () => {
    const reply = (await anyone().get(path)).is(401);
    expect(reply.required('www-authenticate')).toMatch(/^Bearer\b/);
    expect(reply.code).toBe('unauthenticated');
  });

  test.each([
    ['no token', 'Bearer'],
    ['another scheme', 'Basic YTpi'],
    ['no JWT', 'Bearer abc'],
    [
      'no signature',
      `Bearer ${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"sub":"x"}').toString('base64url')}.`,
    ],
    ['rubbish', 'Bearer %.%%.?'],
    ['very long', `Bearer ${'a'.repeat(8000)}`],
  ])('bad ones are refused: %s', async (_name, authorization) => {
    (await anyone().get(path, { headers: { authorization } })).is(401);
  });

  test('a changed token is refused', async () => {
    const [head, claims, signature] = ada.tokens.access_token.split('.') as [string, string, string];
    const raised = JSON.parse(Buffer.from(claims, 'base64url').toString()) as Record<string, unknown>;
    const forged = Buffer.from(JSON.stringify({ ...raised, role: 'admin' })).toString('base64url');
    (await anyone().with(`${head}.${forged}.${signature}`).get(path)).is(401);
    const flipped = signature.startsWith('A') ? `B${signature.slice(1)}` : `A${signature.slice(1)}`;
    (await anyone().with(`${head}.${claims}.${flipped}`).get(path)).is(401);
    const plain = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url');
    (await anyone().with(`${plain}.${claims}.`).get(path)).is(401);
  });

  test('an API key that nobody has is refused', async () => {
    for (const key of ['nx_nobody_has_this', '', 'x'.repeat(500)]) {
      (await anyone().get(path, { headers: { 'x-api-key': key } })).is(401);
    }
  });

  test('the scheme may be written in any case', async () => {
    (await anyone().get(path, { headers: { authorization: `bearer ${ada.tokens.access_token}` } })).is(200);
  });

  test('a token in the address is none', async () => {
    (await anyone().get(`/api/v1/notifications?access_token=${ada.tokens.access_token}`)).is(401);
  });

  test('bad credentials are refused before the body is looked at', async () => {
    (await anyone().post(projects, { nothing: 'right' })).is(401);
    (await ada.get('/api/v1/users')).fails(403, 'forbidden');
  });
});

describe('forms and camelCase', () => {
  test('a form is taken like JSON', async () => {
    const form = { name: `Form & more ${randomWord()} ü`, description: 'a b+c', visibility: 'internal' };
    const project = (await ada.send('POST', projects, { form })).is(201).data<Project>();
    expect(project).toMatchObject(form);
  });

  test('declared lists and single values come from a form', async () => {
    const project = (await ada.send('POST', projects, { form: 'name=Listed&tags=one&tags=two' }))
      .is(201)
      .data<Project>();
    expect(project.tags).toEqual(['one', 'two']);
    const single = (await ada.send('POST', projects, { form: 'name=Single&tags=one' })).is(201).data<Project>();
    expect(single.tags).toEqual(['one']);
  });

  test.each([
    'name=%ff',
    'name=%zz',
    'name=a%00b',
    'name=x&__proto__=1',
    'name=x&constructor=1',
    'name=x&name=y',
  ])('a bad form is a bad request: %s', async (form) => {
    (await ada.send('POST', projects, { form })).is(400);
  });

  test('camelCase is made canonical, and answers are canonical', async () => {
    const changed = { currentPassword: ada.password, newPassword: 'x' };
    const fields = (await ada.post('/api/v1/auth/password/change', changed))
      .is(400)
      .error.details?.map(({ field }) => field);
    expect(fields).toContain('new_password');
    expect(fields).not.toContain('newPassword');
    const { refresh_token } = (await ada.signInAgain()).tokens;
    (await anyone().post('/api/v1/auth/refresh', { refreshToken: refresh_token })).is(200);
  });

  test('a form in camelCase is, too', async () => {
    const { refresh_token: refreshToken } = (await ada.signInAgain()).tokens;
    (await anyone().send('POST', '/api/v1/auth/refresh', { form: { refreshToken } })).is(200);
  });

  test('both spellings at once are a fault, not a guess', async () => {
    const { refresh_token } = (await ada.signInAgain()).tokens;
    (await anyone().post('/api/v1/auth/refresh', { refresh_token, refreshToken: refresh_token })).is(400);
  });

  test('what is free-form is left as it is', async () => {
    const metadata = { camelCase: { innerKey: [{ deepKey: 1 }] }, snake_case: true, 'Ünï çode': null, userId: 'x' };
    const project = await createProject(ada, { metadata });
    expect(project.metadata).toEqual(metadata);
    expect((await ada.get(`${projects}/${project.id}`)).data<Project>().metadata).toEqual(metadata);
    const preferences = { sidebarWidth: 240, nested: { fontSize: 12, user_id: null } };
    (await ada.put('/api/v1/users/me/preferences', preferences)).is(200);
    expect((await ada.get('/api/v1/users/me/preferences')).data()).toEqual(preferences);
  });
});

describe('texts', () => {
  test.each(
    labelled(
      'Ünïcode ✓ 漢字',
      '👩‍👩‍👧‍👦',
      'Ω'.repeat(200),
      "O'Neil; DROP TABLE projects; --",
      '<script>alert(1)</script>',
      '../../etc/passwd',
    ),
  )('come back as they went: %s', async (_label, name) => {
    const project = await createProject(ada, { name });
    expect((await ada.get(`${projects}/${project.id}`)).data<Project>().name).toBe(name);
  });

  test.each([
    ['too long', 'x'.repeat(201)],
    ['empty', ''],
    ['blank', '   '],
    ['a control character', 'a\u0007b'],
    ['a line break', 'a\nb'],
  ])('names are bounded: %s', async (_what, name) => {
    expect((await ada.post(projects, { name })).is(400).error.details?.[0]?.field).toBe('name');
  });
});

describe('other origins', () => {
  const preflight = (origin: string) =>
    anyone().send('OPTIONS', projects, {
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type',
      },
    });

  test('a known one may call, and read what it needs', async () => {
    const allowed = (await preflight(KNOWN_ORIGIN)).is(200, 204);
    expect(allowed.header('access-control-allow-origin')).toBe(KNOWN_ORIGIN);
    expect(allowed.required('access-control-allow-methods')).toContain('POST');
    expect(allowed.required('access-control-allow-headers').toLowerCase()).toContain('authorization');
    const reply = (await ada.get('/api/v1/users/me', { headers: { origin: KNOWN_ORIGIN } })).is(200);
    expect(reply.header('access-control-allow-origin')).toBe(KNOWN_ORIGIN);
    expect(reply.required('access-control-expose-headers').toLowerCase()).toContain('x-request-id');
    expect(reply.required('vary').toLowerCase()).toContain('origin');
    const fault = (await anyone().get('/nowhere', { headers: { origin: KNOWN_ORIGIN } })).is(404);
    expect(fault.header('access-control-allow-origin')).toBe(KNOWN_ORIGIN);
  });

  test.each([
    'https://evil.example',
    'null',
    'https://app.example.test.evil.example',
    'http://app.example.test',
  ])('%s may not', async (origin) => {
    expect((await preflight(origin)).header('access-control-allow-origin')).toBeNull();
    const reply = await ada.get('/api/v1/users/me', { headers: { origin } });
    expect(reply.header('access-control-allow-origin')).toBeNull();
  });
});

describe('a body of its own kind', () => {
  test('is not asked for by DELETE or POST without one', async () => {
    const person = await register();
    (await person.post('/api/v1/auth/logout')).is(204);
    const { id } = await createProject(ada);
    (await ada.send('DELETE', `${projects}/${id}`, { headers: jsonType })).is(204);
  });
});
