import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { TIMESTAMP, UUID_V7 } from './support/answer-rules.js';
import { downloadBig, uploadBig } from './support/big-file.js';
import { labelled } from './support/cases.js';
import { randomWord, times } from './support/chance.js';
import { anyone, type Client } from './support/client.js';
import { digestField, sha256, tryUpload, uploadFile } from './support/files.js';
import { asCall, formOf, type Part } from './support/multipart.js';
import { addMember, createProject, type Person, register } from './support/people.js';
import { HOST, lines, RawConnection } from './support/raw-http.js';
import type { Reply } from './support/reply.js';
import type { StoredFile } from './support/resources.js';
import { AT_ONCE_MS, eventually } from './support/waiting.js';

const files = '/api/v1/files';
const MIB = 1024 * 1024;
const content = (id: string) => `${files}/${id}/content`;
const usage = async (client: Client) =>
  (await client.get(`${files}/usage`)).is(200).data<{ used: number; limit: number; count: number }>();
const send = (client: Client, ...parts: Part[]) => client.send('POST', files, asCall(formOf(...parts)));
const filePart = (bytes: string | Buffer = 'content', more: Partial<Part> = {}): Part => ({
  name: 'file',
  filename: 'note.txt',
  type: 'text/plain',
  content: bytes,
  ...more,
});

describe('uploading', () => {
  test('answers what is known about the file, and where it is', async () => {
    const ada = await register();
    const bytes = randomBytes(100_000);
    const reply = (await send(ada, filePart(bytes, { filename: 'noise.bin', type: 'application/x-noise' }))).is(201);
    const file = reply.data<StoredFile>();
    expect(file).toMatchObject({
      name: 'noise.bin',
      size: 100_000,
      content_type: 'application/x-noise',
      sha256: sha256(bytes),
      project_id: null,
      owner_id: ada.id,
      version: 1,
      status: 'active',
    });
    expect(file.id).toMatch(UUID_V7);
    expect(file.created_at).toMatch(TIMESTAMP);
    expect(reply.required('location')).toBe(`${files}/${file.id}`);
    expect((await ada.get(`${files}/${file.id}`)).is(200).data()).toEqual(file);
    const got = (await ada.get(content(file.id))).is(200);
    expect(got.bytes.equals(bytes)).toBe(true);
    expect(got.header('content-type')).toBe('application/x-noise');
    expect(got.header('content-length')).toBe('100000');
  });

  test.each([0, 1, 2, 4095, 65_536, 65_537, MIB])('keeps %i bytes as they are', async (size) => {
    const ada = await register();
    const bytes = randomBytes(size);
    const file = await uploadFile(ada, { content: bytes });
    expect(file).toMatchObject({ size, sha256: sha256(bytes) });
    expect((await ada.get(content(file.id))).is(200).bytes.equals(bytes)).toBe(true);
  });

  test('keeps what looks like the end of the form', async () => {
    const ada = await register();
    const { contentType } = formOf(filePart());
    const boundary = contentType.split('boundary=')[1];
    for (const bytes of [
      `--${boundary}`,
      `\r\n--${boundary?.slice(0, -1)}\r\n`,
      '\r\n\r\n',
      '\r\n--',
      '\r',
      '\n',
      '--\r\n',
    ]) {
      const file = await uploadFile(ada, { content: bytes });
      expect((await ada.get(content(file.id))).bytes.toString('latin1')).toBe(bytes);
    }
  });

  test('takes its fields before and after the file', async () => {
    const ada = await register();
    const { id } = await createProject(ada);
    const fields: Part[] = [
      { name: 'project_id', content: id },
      { name: 'name', content: 'renamed ü.txt' },
    ];
    for (const parts of [
      [...fields, filePart()],
      [filePart(), ...fields],
      [fields[0], filePart(), fields[1]],
    ] as Part[][]) {
      const file = (await send(ada, ...parts)).is(201).data<StoredFile>();
      expect(file).toMatchObject({ name: 'renamed ü.txt', project_id: id });
    }
  });

  test.each([
    'plain.txt',
    'Zürich 東京 🦎.pdf',
    'Москва.tar.gz',
    'quote".txt',
    "it's.txt",
    'per%20cent.txt',
    'semi;colon=1.txt',
    '.hidden',
    'no extension',
    `${'x'.repeat(150)}.txt`,
  ])('keeps the name %s', async (name) => {
    const ada = await register();
    const file = (await send(ada, filePart('x'), { name: 'name', content: name })).is(201).data<StoredFile>();
    expect(file.name).toBe(name);
    const disposition = (await ada.get(content(file.id))).required('content-disposition');
    expect(disposition).toMatch(/^(inline|attachment)\b/);
    // RFC 8187 for what is more than a token.
    const extended = /filename\*=UTF-8''([^;]+)/i.exec(disposition)?.[1];
    const plain = /filename="((?:[^"\\]|\\.)*)"/.exec(disposition)?.[1]?.replaceAll(/\\(.)/g, '$1');
    const token = /filename=([^;"]+)/.exec(disposition)?.[1];
    expect(extended ? decodeURIComponent(extended) : (plain ?? token)).toBe(name);
  });

  test('takes a name in UTF-8 from the form', async () => {
    const ada = await register();
    const file = (await send(ada, filePart('x', { filename: 'Zürich 東京.txt' }))).is(201).data<StoredFile>();
    expect(file.name).toBe('Zürich 東京.txt');
  });

  test.each([
    '../../etc/passwd',
    'C:\\Windows\\system32\\x.dll',
    '/etc/shadow',
  ])('a path is no name: %s', async (filename) => {
    const ada = await register();
    const reply = (await send(ada, filePart('x', { filename }))).is(201, 400);
    if (reply.status === 201) expect(reply.data<StoredFile>().name).toMatch(/^[^/\\]+$/);
  });

  test.each(labelled('a\u0000b', 'a\nb', 'x'.repeat(2000)))('a name is bounded: %s', async (_label, name) => {
    const ada = await register();
    const reply = (await send(ada, filePart(), { name: 'name', content: name })).is(400);
    expect(reply.error.details?.[0]?.field ?? 'name').toBe('name');
    expect((await usage(ada)).count).toBe(0);
  });
});

describe('what is no upload', () => {
  let ada: Person;
  beforeAll(async () => {
    ada = await register();
  });
  const post = (body: string | Buffer, type = 'multipart/form-data; boundary=b') =>
    ada.send('POST', files, { body, headers: { 'content-type': type } });
  const head = 'Content-Disposition: form-data; name="file"; filename="x.txt"\r\n\r\n';

  test.each([
    ['no boundary', 'multipart/form-data', `--b\r\n${head}x\r\n--b--\r\n`],
    ['an empty boundary', 'multipart/form-data; boundary=""', `--b\r\n${head}x\r\n--b--\r\n`],
    ['another boundary', 'multipart/form-data; boundary=c', `--b\r\n${head}x\r\n--b--\r\n`],
    ['no parts', undefined, '--b--\r\n'],
    ['no file', undefined, '--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nx\r\n--b--\r\n'],
    ['no end', undefined, `--b\r\n${head}half of the`],
    ['no name', undefined, '--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n'],
    ['no disposition', undefined, '--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--\r\n'],
    ['rubbish', undefined, 'rubbish'],
    ['nothing', undefined, ''],
    ['endless part headers', undefined, `--b\r\nX-A: ${'x'.repeat(100_000)}\r\n${head}x\r\n--b--\r\n`],
    ['two files', undefined, `--b\r\n${head}x\r\n--b\r\n${head}y\r\n--b--\r\n`],
    [
      'a field too many',
      undefined,
      `--b\r\nContent-Disposition: form-data; name="role"\r\n\r\nadmin\r\n--b\r\n${head}x\r\n--b--\r\n`,
    ],
    [
      'a prototype',
      undefined,
      `--b\r\nContent-Disposition: form-data; name="__proto__"\r\n\r\nx\r\n--b\r\n${head}x\r\n--b--\r\n`,
    ],
    [
      'a field of no end',
      undefined,
      `--b\r\nContent-Disposition: form-data; name="name"\r\n\r\n${'x'.repeat(2 * MIB)}\r\n--b\r\n${head}x\r\n--b--\r\n`,
    ],
    [
      'a thousand fields',
      undefined,
      `${'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nx\r\n'.repeat(1000)}--b\r\n${head}x\r\n--b--\r\n`,
    ],
  ])('is refused: %s', async (_what, type, body) => {
    (await post(body, type)).is(400, 413, 415);
  });

  test('is refused: another type', async () => {
    (await post('{"file":"x"}', 'application/json')).fails(415, 'unsupported_media_type');
    (await post('file=x', 'application/x-www-form-urlencoded')).fails(415, 'unsupported_media_type');
  });

  test.each([
    ['no id', 'nothing'],
    ['nobody’s', randomUUID()],
  ])('is refused: a project that is none: %s', async (_what, id) => {
    (await send(ada, { name: 'project_id', content: id }, filePart())).is(400, 404);
    (await send(ada, filePart(), { name: 'project_id', content: id })).is(400, 404);
  });

  test('leaves nothing behind', async () => {
    expect(await usage(ada)).toMatchObject({ used: 0, count: 0 });
    expect((await ada.get(files)).is(200).page.total).toBe(0);
  });

  test('needs somebody', async () => {
    (await send(anyone(), filePart())).is(401);
  });

  test('one that breaks off leaves nothing behind', async () => {
    const bob = await register();
    const connection = await RawConnection.open('broken upload');
    await connection.write(
      lines(
        `POST ${files} HTTP/1.1`,
        `Host: ${HOST}`,
        `X-Forwarded-For: ${bob.address}`,
        `Authorization: Bearer ${bob.tokens.access_token}`,
        'Content-Type: multipart/form-data; boundary=b',
        'Content-Length: 9000000',
      ),
    );
    await connection.write(`--b\r\n${head}${'x'.repeat(500_000)}`);
    connection.socket.resetAndDestroy();
    await once(connection.socket, 'close');
    await eventually(
      () => usage(bob),
      ({ used, count }) => used === 0 && count === 0,
      { withinMs: 5000, what: 'the space given back' },
    );
    expect((await bob.get(files)).page.total).toBe(0);
  });

  test('one that is far too large is refused before it is sent', async () => {
    const connection = await RawConnection.open('huge upload');
    await connection.write(
      lines(
        `POST ${files} HTTP/1.1`,
        `Host: ${HOST}`,
        `X-Forwarded-For: ${ada.address}`,
        `Authorization: Bearer ${ada.tokens.access_token}`,
        'Content-Type: multipart/form-data; boundary=b',
        'Content-Length: 99000000000',
        'Expect: 100-continue',
      ),
    );
    let reply = await connection.answer();
    if (reply?.status === 100) reply = await connection.answer();
    expect(reply?.is(413).code).toMatch(/too_large|quota/);
    connection.destroy();
  });
});

describe('digests', () => {
  const bytes = Buffer.from('what is sent');

  test.each(['content-digest', 'repr-digest'])('a right %s is taken, a wrong one refused', async (name) => {
    const ada = await register();
    (await tryUpload(ada, { content: bytes, headers: { [name]: digestField(bytes) } })).is(201);
    const wrong = await tryUpload(ada, { content: bytes, headers: { [name]: digestField('something else') } });
    wrong.fails(400, 'digest_mismatch');
    expect((await usage(ada)).count).toBe(1);
  });

  test('what is no digest is refused', async () => {
    const ada = await register();
    for (const value of ['sha-256=:nonsense:', 'sha-256=:YWJj:', '???']) {
      (await tryUpload(ada, { content: bytes, headers: { 'content-digest': value } })).fails(400, 'invalid_digest');
    }
    expect((await usage(ada)).count).toBe(0);
  });

  test('other algorithms stand beside', async () => {
    const ada = await register();
    const value = `unixsum=:AAAA:, ${digestField(bytes)}, sha-512=:AAAA:`;
    (await tryUpload(ada, { content: bytes, headers: { 'content-digest': value } })).is(201);
  });
});

describe('a big file', () => {
  test('goes up and comes down as it was', async () => {
    const ada = await register();
    const size = 64 * MIB;
    const up = await uploadBig(ada, size);
    const file = up.reply.is(201).data<StoredFile>();
    expect(file).toMatchObject({ size, sha256: up.sha256 });
    const down = await downloadBig(ada, file.id);
    expect(down).toMatchObject({ size, sha256: up.sha256 });
    expect(down.reply.is(200).header('content-length')).toBe(String(size));
    expect((await usage(ada)).used).toBe(size);
  }, 60_000);
});

describe('downloading', () => {
  const bytes = Buffer.from(
    times(1000)
      .map((n) => `line ${n}\n`)
      .join(''),
  );
  let ada: Person;
  let file: StoredFile;
  let etag: string;

  beforeAll(async () => {
    ada = await register();
    file = await uploadFile(ada, { content: bytes });
    etag = (await ada.get(content(file.id))).required('etag');
  });
  const get = (headers: Record<string, string>): Promise<Reply> => ada.get(content(file.id), { headers });

  test.each([
    ['bytes=0-9', 0, 9],
    ['bytes=100-199', 100, 199],
    ['bytes=0-0', 0, 0],
    [`bytes=${bytes.length - 5}-`, bytes.length - 5, bytes.length - 1],
    ['bytes=-7', bytes.length - 7, bytes.length - 1],
    ['bytes=10-99999999', 10, bytes.length - 1],
    ['bytes=-99999999', 0, bytes.length - 1],
  ])('a part: %s', async (range, first, last) => {
    const reply = (await get({ range })).is(206);
    expect(reply.header('content-range')).toBe(`bytes ${first}-${last}/${bytes.length}`);
    expect(reply.header('content-length')).toBe(String(last - first + 1));
    expect(reply.bytes.equals(bytes.subarray(first, last + 1))).toBe(true);
    expect(reply.header('etag')).toBe(etag);
  });

  test.each([`bytes=${bytes.length}-`, 'bytes=99999999-', 'bytes=-0'])('no such part: %s', async (range) => {
    const reply = (await get({ range })).fails(416, 'range_not_satisfiable');
    expect(reply.header('content-range')).toBe(`bytes */${bytes.length}`);
  });

  test.each([
    'bytes=x-y',
    'bytes=9-1',
    'lines=1-2',
    'bytes',
    'bytes=--5',
    'bytes=1-2-3',
  ])('what is no range is ignored: %s', async (range) => {
    const reply = (await get({ range })).is(200);
    expect(reply.bytes.equals(bytes)).toBe(true);
    expect(reply.header('accept-ranges')).toBe('bytes');
  });

  test('several parts', async () => {
    const reply = (await get({ range: 'bytes=0-3,10-13' })).is(206, 200);
    if (reply.status === 200) return;
    expect(reply.required('content-type')).toMatch(/^multipart\/byteranges; ?boundary=/);
    expect(reply.text).toContain(`Content-Range: bytes 0-3/${bytes.length}\r\n\r\n${bytes.subarray(0, 4)}`);
    expect(reply.text).toContain(`Content-Range: bytes 10-13/${bytes.length}\r\n\r\n${bytes.subarray(10, 14)}`);
    expect(reply.header('content-length')).toBe(String(reply.bytes.length));
  });

  test('a part only if nothing has changed', async () => {
    (await get({ range: 'bytes=0-9', 'if-range': etag })).is(206);
    expect((await get({ range: 'bytes=0-9', 'if-range': '"other"' })).is(200).bytes).toHaveLength(bytes.length);
    expect((await get({ range: 'bytes=0-9', 'if-range': `W/${etag}` })).is(200).bytes).toHaveLength(bytes.length);
    expect((await get({ range: 'bytes=0-9', 'if-range': 'Mon, 01 Jan 1990 00:00:00 GMT' })).is(200).bytes).toHaveLength(
      bytes.length,
    );
  });

  test('nothing if nothing has changed', async () => {
    expect(etag).toMatch(/^"[^"]+"$/);
    (await get({ 'if-none-match': etag })).is(304);
    (await get({ 'if-none-match': etag, range: 'bytes=0-9' })).is(304);
    (await get({ 'if-none-match': '"other"' })).is(200);
    (await get({ 'if-match': '"other"' })).fails(412, 'stale_version');
  });

  test('HEAD says the same without the content', async () => {
    const reply = (await ada.head(content(file.id))).is(200);
    expect(reply.header('content-length')).toBe(String(bytes.length));
    expect(reply.header('etag')).toBe(etag);
    expect(reply.header('accept-ranges')).toBe('bytes');
    expect(reply.header('content-type')).toMatch(/^text\/plain\b/);
    (await ada.head(content(randomUUID()))).is(404);
  });

  test('what could run in a browser does not', async () => {
    for (const [filename, type] of [
      ['x.html', 'text/html'],
      ['x.svg', 'image/svg+xml'],
      ['x.js', 'text/javascript'],
    ]) {
      const own = await uploadFile(ada, {
        content: '<script>alert(1)</script>',
        filename: filename as string,
        type: type as string,
      });
      const reply = (await ada.get(content(own.id))).is(200);
      expect(reply.required('content-disposition')).toMatch(/^attachment\b/);
    }
  });

  test('does not depend on Accept', async () => {
    (await get({ accept: 'image/avif,image/webp,*/*;q=0.8' })).is(200);
    (await get({ accept: 'text/plain' })).is(200);
  });

  test('of what is not there', async () => {
    (await ada.get(content(randomUUID()))).fails(404, 'file_not_found');
    (await ada.get(`${files}/not-an-id/content`)).fails(400, 'invalid_id');
    (await anyone().get(content(file.id))).is(401);
  });
});

describe('who may do what', () => {
  let people: Record<'owner' | 'editor' | 'viewer' | 'stranger', Person>;
  let projectId: string;
  let file: StoredFile;

  beforeAll(async () => {
    const [owner, editor, viewer, stranger] = (await Promise.all(times(4).map(() => register()))) as [
      Person,
      Person,
      Person,
      Person,
    ];
    people = { owner, editor, viewer, stranger };
    projectId = (await createProject(owner)).id;
    await addMember(owner, projectId, editor.id, 'editor');
    await addMember(owner, projectId, viewer.id, 'viewer');
    file = await uploadFile(owner, { content: 'shared', projectId });
  });

  test.each([
    ['owner', 200],
    ['editor', 200],
    ['viewer', 200],
    ['stranger', 404],
  ] as const)('read in a project: %s %i', async (who, status) => {
    (await people[who].get(`${files}/${file.id}`)).is(status);
    (await people[who].get(content(file.id))).is(status);
    (await people[who].get(`${files}?project_id=${projectId}`)).is(status);
  });

  test.each([
    ['owner', 200],
    ['editor', 200],
    ['viewer', 403],
    ['stranger', 404],
  ] as const)('change in a project: %s %i', async (who, status) => {
    (await people[who].patch(`${files}/${file.id}`, { name: `by-${who}.txt` })).is(status);
    const uploaded = await tryUpload(people[who], { content: `by ${who}`, projectId });
    uploaded.is(status === 200 ? 201 : status);
    const own = status === 200 ? uploaded.data<StoredFile>().id : file.id;
    (await people[who].delete(`${files}/${own}`)).is(status === 200 ? 204 : status);
  });

  test('outside of projects a file is its owner’s', async () => {
    const { owner, editor } = people;
    const own = await uploadFile(owner, { content: 'mine' });
    for (const path of [`${files}/${own.id}`, content(own.id)]) (await editor.get(path)).fails(404, 'file_not_found');
    (await editor.patch(`${files}/${own.id}`, { name: 'x' })).fails(404, 'file_not_found');
    (await editor.delete(`${files}/${own.id}`)).fails(404, 'file_not_found');
    (await owner.delete(`${files}/${own.id}`)).is(204);
  });

  test('who is removed sees no more', async () => {
    const bob = await register();
    await addMember(people.owner, projectId, bob.id, 'viewer');
    await eventually(
      () => bob.get(content(file.id)),
      ({ status }) => status === 200,
      { withinMs: AT_ONCE_MS, what: 'the file seen' },
    );
    (await people.owner.delete(`/api/v1/projects/${projectId}/members/${bob.id}`)).is(204);
    await eventually(
      () => bob.get(content(file.id)),
      ({ status }) => status === 404,
      { withinMs: AT_ONCE_MS, what: 'the file hidden' },
    );
  });

  test('an internal project’s files may be read by whoever is signed in', async () => {
    const { owner, stranger } = people;
    const { id } = await createProject(owner, { visibility: 'internal' });
    const open = await uploadFile(owner, { content: 'open', projectId: id });
    expect((await stranger.get(content(open.id))).is(200).text).toBe('open');
    (await tryUpload(stranger, { content: 'x', projectId: id })).fails(403, 'forbidden');
    (await stranger.delete(`${files}/${open.id}`)).is(403);
  });
});

describe('keeping files', () => {
  test('a name can be changed, with the version', async () => {
    const ada = await register();
    const file = await uploadFile(ada, { content: 'x' });
    const renamed = (await ada.patch(`${files}/${file.id}`, { name: 'new.txt' })).is(200).data<StoredFile>();
    expect(renamed).toMatchObject({ ...file, name: 'new.txt', version: 2, updated_at: expect.any(String) });
    for (const body of [{ name: '' }, { size: 1 }, { sha256: 'x' }, { owner_id: ada.id }]) {
      (await ada.patch(`${files}/${file.id}`, body)).is(400);
    }
  });

  test('the trash takes and gives back', async () => {
    const ada = await register();
    const file = await uploadFile(ada, { content: 'kept' });
    const list = async (query = '') =>
      (await ada.get(`${files}${query}`))
        .is(200)
        .data<StoredFile[]>()
        .map(({ id }) => id);
    (await ada.delete(`${files}/${file.id}`)).is(204);
    expect(await list()).toEqual([]);
    expect(await list('?status=trashed')).toEqual([file.id]);
    (await ada.patch(`${files}/${file.id}`, { name: 'x' })).is(404, 409);
    expect((await ada.post(`${files}/${file.id}/restore`)).is(200).data<StoredFile>().status).toBe('active');
    expect(await list()).toEqual([file.id]);
    expect((await ada.get(content(file.id))).is(200).text).toBe('kept');
  });

  test('they are listed, and found by words and type', async () => {
    const ada = await register();
    const word = randomWord();
    const text = await uploadFile(ada, { content: 'a', filename: `${word} report.txt` });
    const image = await uploadFile(ada, { content: 'b', filename: 'holiday.png', type: 'image/png' });
    const found = async (query: Record<string, string>) => {
      const reply = (await ada.get(files, { query })).is(200);
      return { ids: reply.data<StoredFile[]>().map(({ id }) => id), total: reply.page.total };
    };
    expect(await found({})).toEqual({ ids: [image.id, text.id], total: 2 });
    expect(await found({ q: word })).toEqual({ ids: [text.id], total: 1 });
    expect(await found({ content_type: 'image/png' })).toEqual({ ids: [image.id], total: 1 });
    expect(await found({ sort: 'name' })).toEqual({
      ids: [text.name, image.name].sort()[0] === text.name ? [text.id, image.id] : [image.id, text.id],
      total: 2,
    });
  });

  test('what they take is counted, exactly', async () => {
    const ada = await register();
    const before = await usage(ada);
    expect(before).toMatchObject({ used: 0, count: 0 });
    expect(before.limit).toBeGreaterThan(MIB);
    const sizes = [1000, 20_000, 300_000];
    const uploaded = await Promise.all(sizes.map((size) => uploadFile(ada, { content: randomBytes(size) })));
    expect(await usage(ada)).toEqual({ used: 321_000, limit: before.limit, count: 3 });
    (await tryUpload(ada, { content: 'x', headers: { 'content-digest': digestField('y') } })).is(400);
    expect(await usage(ada)).toEqual({ used: 321_000, limit: before.limit, count: 3 });
    // The trash still takes space.
    (await ada.delete(`${files}/${uploaded[0]?.id}`)).is(204);
    expect(await usage(ada)).toEqual({ used: 321_000, limit: before.limit, count: 3 });
  });

  test('ten uploads at once are ten files', async () => {
    const ada = await register();
    const contents = times(10).map(() => randomBytes(50_000));
    const uploaded = await Promise.all(contents.map((bytes) => uploadFile(ada, { content: bytes })));
    expect(uploaded.map((file) => file.sha256)).toEqual(contents.map(sha256));
    expect(await usage(ada)).toMatchObject({ used: 500_000, count: 10 });
    const got = await Promise.all(uploaded.map(({ id }) => ada.get(content(id))));
    expect(got.every((reply, n) => reply.is(200).bytes.equals(contents[n] as Buffer))).toBe(true);
  });
});
