import { mkdtemp, readdir, readlink, rm, truncate } from 'node:fs/promises';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ProjectAccess, ProjectDirectory } from '@nexus/contracts';
import { uuidv7 } from '@nexus/kernel';
import { startTestApp, type TestApp } from '@nexus/testing';
import { parse } from 'content-disposition';
import { fileService } from '../index.js';

class NoProjects extends ProjectDirectory {
  async access(): Promise<ProjectAccess> {
    return { role: null };
  }
}

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

let app: TestApp;
let folder: string;
const userId = uuidv7();
const content = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 7) % 253));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nexus-files-'));
  app = await startTestApp({
    services: [fileService],
    doubles: [{ port: ProjectDirectory, instance: new NoProjects() }],
    env: { NEXUS_DATA_DIR: folder },
  });
}, 30_000);
afterAll(async () => {
  await app.stop();
  await rm(folder, { recursive: true });
});

async function upload(
  body: Buffer,
  name = 'a.bin',
  type = 'application/octet-stream',
): Promise<{ id: string; sha256: string }> {
  const form = new FormData();
  form.append('file', new File([new Uint8Array(body)], name, { type }));
  const reply = await app.call('POST', '/api/v1/files', { token: app.token({ sub: userId }), body: form });
  if (reply.status !== 201) throw new Error(reply.text);
  return reply.body.data;
}

/** The answer as it is on the wire: fetch would hide and refuse some of it. */
function get(id: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(`${app.url}/api/v1/files/${id}/content`, {
      method,
      headers: { authorization: `Bearer ${app.token({ sub: userId })}`, ...headers },
    });
    outgoing.on('error', reject);
    outgoing.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers as Record<string, string>,
          body: Buffer.concat(chunks),
        }),
      );
    });
    outgoing.end();
  });
}

describe('GET /api/v1/files/{id}/content', () => {
  let id: string;
  let etag: string;

  beforeAll(async () => {
    const file = await upload(content, 'Größe "1".bin');
    id = file.id;
    etag = `"${file.sha256}"`;
  });

  it('sends the bytes as they were sent', async () => {
    const { status, headers, body } = await get(id);
    expect(status).toBe(200);
    expect(body.equals(content)).toBe(true);
    expect(headers).toMatchObject({
      etag,
      'content-length': '100000',
      'content-type': 'application/octet-stream',
      'accept-ranges': 'bytes',
      'cache-control': 'private, no-cache',
      'content-security-policy': "sandbox; default-src 'none'",
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'x-request-id': expect.any(String),
      'ratelimit-limit': '1000',
    });
    expect(parse(headers['content-disposition'] as string)).toMatchObject({
      type: 'attachment',
      parameters: { filename: 'Größe "1".bin' },
    });
  });

  it('answers HEAD with the same header and no body, whatever range is asked for', async () => {
    const { headers, ...whole } = await get(id);
    const head = await get(id, { range: 'bytes=0-9' }, 'HEAD');
    expect([head.status, head.body.length]).toEqual([200, 0]);
    for (const name of [
      'etag',
      'content-length',
      'content-type',
      'last-modified',
      'content-disposition',
      'accept-ranges',
    ]) {
      expect([name, head.headers[name]]).toEqual([name, headers[name]]);
    }
    expect(whole.status).toBe(200);
  });

  it.each([
    ['bytes=0-0', 0, 0],
    ['bytes=10-19', 10, 19],
    ['bytes=99990-', 99_990, 99_999],
    ['bytes=-5', 99_995, 99_999],
    ['bytes=-1000000', 0, 99_999],
    ['bytes=99999-200000', 99_999, 99_999],
    ['bytes=0-5,3-9', 0, 9],
  ])('sends %s', async (range, start, end) => {
    const { status, headers, body } = await get(id, { range });
    expect(status).toBe(206);
    expect(headers['content-range']).toBe(`bytes ${start}-${end}/100000`);
    expect(headers['content-length']).toBe(String(end - start + 1));
    expect(headers.etag).toBe(etag);
    expect(body.equals(content.subarray(start, end + 1))).toBe(true);
  });

  it('sends several ranges as parts, in the order asked for', async () => {
    const { status, headers, body } = await get(id, { range: 'bytes=50000-50009, 0-4, -3' });
    expect(status).toBe(206);
    const boundary = /^multipart\/byteranges; boundary=(\w+)$/.exec(headers['content-type'] as string)?.[1];
    const part = (start: number, end: number) =>
      Buffer.concat([
        Buffer.from(
          `--${boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes ${start}-${end}/100000\r\n\r\n`,
        ),
        content.subarray(start, end + 1),
        Buffer.from('\r\n'),
      ]);
    const expected = Buffer.concat([
      part(50_000, 50_009),
      part(0, 4),
      part(99_997, 99_999),
      Buffer.from(`--${boundary}--\r\n`),
    ]);
    expect(body.equals(expected)).toBe(true);
    expect(headers['content-length']).toBe(String(expected.length));
    expect(headers['content-range']).toBeUndefined();
  });

  it.each(['bytes=100000-', 'bytes=-0', 'bytes=200000-300000'])('has nothing for %s', async (range) => {
    const { status, headers, body } = await get(id, { range });
    expect(status).toBe(416);
    expect(headers['content-range']).toBe('bytes */100000');
    expect(JSON.parse(body.toString()).details[0].code).toBe('range_not_satisfiable');
  });

  it.each(['bytes=5-2', 'lines=1-2', 'bytes=x', 'bytes=', 'garbage'])('takes no notice of %s', async (range) => {
    const { status, body } = await get(id, { range });
    expect([status, body.length]).toEqual([200, 100_000]);
  });

  it('honours conditions', async () => {
    const date = (await get(id)).headers['last-modified'] as string;
    const old = 'Sun, 06 Nov 1994 08:49:37 GMT';
    const of = async (headers: Record<string, string>) => (await get(id, headers)).status;
    expect(await of({ 'if-none-match': etag })).toBe(304);
    expect(await of({ 'if-none-match': `"x", W/${etag}` })).toBe(304);
    expect(await of({ 'if-none-match': '"x"', 'if-modified-since': date })).toBe(200);
    expect(await of({ 'if-modified-since': date })).toBe(304);
    expect(await of({ 'if-modified-since': old })).toBe(200);
    expect(await of({ 'if-match': '"x"' })).toBe(412);
    expect(await of({ 'if-unmodified-since': old })).toBe(412);
    expect(await of({ range: 'bytes=0-1', 'if-range': etag })).toBe(206);
    expect(await of({ range: 'bytes=0-1', 'if-range': date })).toBe(206);
    expect(await of({ range: 'bytes=0-1', 'if-range': '"x"' })).toBe(200);
    expect(await of({ range: 'bytes=0-1', 'if-range': old })).toBe(200);
    expect(await of({ range: 'bytes=200000-', 'if-range': '"x"' })).toBe(200);
    expect(await of({ range: 'bytes=0-1', 'if-none-match': etag })).toBe(304);
  });

  it('says as much in a 304 as in the answer it stands for', async () => {
    const { headers, body } = await get(id, { 'if-none-match': etag });
    expect(headers).toMatchObject({ etag, 'cache-control': 'private, no-cache', 'last-modified': expect.any(String) });
    expect(body).toHaveLength(0);
  });
});

describe('content of other kinds', () => {
  it('may be empty', async () => {
    const { id } = await upload(Buffer.alloc(0));
    expect((await get(id)).headers['content-length']).toBe('0');
    expect((await get(id, { range: 'bytes=0-' })).status).toBe(416);
    expect((await get(id, { range: 'bytes=-5' })).status).toBe(200);
  });

  it('is shown only where it can do no harm', async () => {
    const png = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');
    const html = Buffer.from('<script>alert(1)</script>');
    const type = async (body: Buffer, declared: string) =>
      parse((await get((await upload(body, 'x', declared)).id)).headers['content-disposition'] as string).type;
    expect(await type(png, 'image/png')).toBe('inline');
    expect(await type(html, 'image/png')).toBe('attachment');
    expect(await type(html, 'text/html')).toBe('attachment');
    expect(await type(html, 'image/svg+xml')).toBe('attachment');
    expect(await type(html, 'text/plain')).toBe('inline');
  });

  it('that is damaged on disk is not begun', async () => {
    const { id } = await upload(Buffer.from('whole'));
    const [row] = await app.running.app.databases
      .get('file')
      .query<{ object_key: string }>('SELECT object_key FROM file.files WHERE id = $1', [id]);
    const key = row?.object_key as string;
    const path = join(folder, 'objects', key.slice(0, 2), key.slice(2, 4), key);
    await truncate(path, 3);
    const damaged = await get(id);
    expect([damaged.status, JSON.parse(damaged.body.toString()).error]).toEqual([
      500,
      'Something went wrong on our side.',
    ]);
    await rm(path);
    expect((await get(id)).status).toBe(500);
    expect((await get(id, { range: 'bytes=0-0,2-2' })).status).toBe(500);
  });
});

describe('a client that goes away', () => {
  const openObjects = async () => {
    const paths = await Promise.all(
      (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
    );
    return paths.filter((path) => path.startsWith(folder)).length;
  };

  it.each(['', 'range: bytes=0-9000000,9500000-\r\n'])('leaves no open file behind (%j)', async (range) => {
    const { id } = await upload(Buffer.alloc(10_000_000, 'x'));
    const { hostname, port } = new URL(app.url);
    const sockets = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const socket = connect(Number(port), hostname);
        socket.on('error', () => undefined);
        socket.write(
          `GET /api/v1/files/${id}/content HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${app.token({ sub: userId })}\r\n${range}\r\n`,
        );
        await new Promise((resolve) => socket.once('data', resolve));
        socket.pause();
        return socket;
      }),
    );
    expect(await openObjects()).toBeGreaterThan(10);
    for (const socket of sockets) socket.destroy();
    const deadline = Date.now() + 25_000;
    while ((await openObjects()) > 0) {
      if (Date.now() > deadline) throw new Error(`${await openObjects()} files stay open`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect((await get(id, { range: 'bytes=0-9' })).body.toString()).toBe('xxxxxxxxxx');
  });
});
