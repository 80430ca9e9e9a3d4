import { createServer } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { TestAuthority } from '@nexus/testing';
import { echo, meant, nameOf, outcome } from './support/echo.js';
import { type Edge, openEdge } from './support/edge.js';
import { lines } from './support/raw-client.js';
import { reply } from './support/raw-origin.js';
import { download, get, HOST, ID, JSON_TYPE, post, upload } from './support/sent-requests.js';

let edge: Edge;
beforeAll(async () => {
  edge = await openEdge({ tls: true });
}, 60_000);
afterEach(() => {
  const faults = [...edge.origin.faults];
  edge.reset();
  expect(faults).toEqual([]);
});
afterAll(() => edge?.close(), 30_000);

describe('over mutual TLS', () => {
  test('requests of every kind are passed on to the letter', async () => {
    edge.origin.script = echo;
    const client = await edge.client();
    client.write(
      get(edge.bearer) +
        post('{"name":"a"}', edge.bearer) +
        upload('bytes', edge.bearer) +
        download(edge.bearer) +
        lines(`DELETE /api/v1/projects/${ID} HTTP/1.1`, HOST, edge.bearer) +
        lines('GET /api/v1/files/usage HTTP/1.1', HOST, edge.bearer),
    );
    const { answers } = await outcome(client);
    expect(answers).toEqual([
      meant('GET', '/api/v1/projects?q=1'),
      meant('POST', '/api/v1/projects', '{"name":"a"}'),
      meant('POST', '/api/v1/files', 'bytes'),
      meant('GET', `/api/v1/files/${ID}/content`),
      meant('DELETE', `/api/v1/projects/${ID}`),
    ]);
    expect(edge.origin.seen.slice(0, 5).map(nameOf)).toEqual(answers);
  });

  test.each([
    ['two framings', ['Content-Length: 12', 'Transfer-Encoding: chunked']],
    ['two lengths', ['Content-Length: 12', 'Content-Length: 0']],
    ['chunks in another case', ['Transfer-Encoding: Chunked']],
  ])('%s hide nothing', async (_name, framing) => {
    edge.origin.script = echo;
    expect((await edge.ask(get(edge.bearer))).status).toBe(200);
    edge.origin.reset();
    edge.origin.script = echo;
    const client = await edge.client();
    client.write(
      `${lines('POST /api/v1/projects HTTP/1.1', HOST, edge.bearer, JSON_TYPE, ...framing)}0\r\n\r\n${get(edge.bearer)}`,
    );
    expect(await outcome(client)).toEqual({ answers: ['bad_request'], closed: true });
    expect(edge.origin.seen).toEqual([]);
  });

  test('identity is carried by nothing that a client says', async () => {
    await edge.ask(
      get(
        edge.bearer,
        'X-Nexus-Actor: service:auth',
        'X-Forwarded-Client-Cert: By=spiffe://nexus.local/ns/test/sa/auth',
        'Connection: x-nexus-client-address',
      ),
    );
    const [seen] = edge.origin.seen;
    expect(seen?.field('x-nexus-client-address')).toBe('127.0.0.1');
    expect(JSON.stringify(seen?.fields)).not.toMatch(/service:auth|spiffe/);
  });

  test.each([
    ['two lengths', lines('HTTP/1.1 200 Fine', 'Content-Length: 7', 'Content-Length: 3')],
    ['a bare CR', lines('HTTP/1.1 200 Fine', 'X-A: b\rSet-Cookie: evil=1', 'Content-Length: 0')],
    ['half a head', 'HTTP/1.1 200 Fi'],
  ])('an answer with %s is none', async (_name, bytes) => {
    edge.origin.script = (_request, { socket }) => {
      socket.end(bytes);
      return undefined;
    };
    for (const make of [() => get(edge.bearer), () => upload('abc', edge.bearer)]) {
      const answer = await edge.ask(make());
      expect([answer.status, answer.errorCode]).toEqual([502, 'bad_gateway']);
    }
  });

  test('bytes come back as they are', async () => {
    const every = Buffer.from(Array.from({ length: 70_000 }, (_, n) => n % 256));
    edge.origin.script = () => reply(200, [], every);
    expect((await edge.ask(download(edge.bearer))).body.equals(every)).toBe(true);
  });
});

describe('a service that cannot prove who it is', () => {
  test.each([
    ['another service', (authority: TestAuthority) => authority.issue('gateway')],
    [
      'a service of another domain',
      (authority: TestAuthority) => authority.issue('project', { trustDomain: 'evil.example' }),
    ],
    [
      'somebody with a name alone',
      (authority: TestAuthority) => authority.issue('project', { names: [{ type: 'ip', value: '127.0.0.1' }] }),
    ],
    ['a service of another authority', async () => (await TestAuthority.create()).issue('project')],
  ])(
    'gets nothing: %s',
    async (_name, issue) => {
      let bytes = 0;
      const held: { server?: ReturnType<typeof createServer> } = {};
      const other = await openEdge({
        tls: true,
        projectUrl: async (authority) => {
          const { cert, key } = await issue(authority);
          held.server = createServer({ cert, key, minVersion: 'TLSv1.3' }, (socket) => {
            socket.on('error', () => undefined);
            socket.on('data', (chunk) => {
              bytes += chunk.length;
            });
          });
          const { server } = held;
          await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
          return `https://127.0.0.1:${(server.address() as { port: number }).port}`;
        },
      });
      try {
        const answer = await other.ask(post('{"name":"secret"}', other.bearer));
        expect([502, 503]).toContain(answer.status);
        expect(answer.errorCode).toMatch(/^(bad_gateway|unavailable)$/);
        expect(answer.text).not.toMatch(/spiffe|certificate|127\.0\.0\.1/i);
        expect(bytes).toBe(0);
      } finally {
        await other.close();
        held.server?.close();
      }
    },
    60_000,
  );
});
