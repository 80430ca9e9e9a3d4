import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '@nexus/testing';
import { echo, meant, nameOf, outcome } from './support/echo.js';
import { type Edge, openEdge } from './support/edge.js';
import { lines } from './support/raw-client.js';
import type { OriginConnection, SeenRequest } from './support/raw-origin.js';
import { download, get, HOST, ID, JSON_TYPE } from './support/sent-requests.js';

let edge: Edge;
/** What the service has and did not answer yet. */
let held: { request: SeenRequest; connection: OriginConnection }[];
beforeAll(async () => {
  edge = await openEdge();
}, 60_000);
afterEach(() => edge.reset());
afterAll(() => edge?.close(), 30_000);

const to = (target: string) => lines(`GET ${target} HTTP/1.1`, HOST, edge.bearer);
const postOf = (body: string) =>
  lines('POST /api/v1/projects HTTP/1.1', HOST, edge.bearer, JSON_TYPE, `Content-Length: ${body.length}`) + body;
const LAST = () => to('/api/v1/files/usage');

/** Has the service wait with its answers. */
function hold(): void {
  held = [];
  edge.origin.script = (request, connection) => {
    held.push({ request, connection });
    return undefined;
  };
}

async function answerNext(): Promise<string> {
  await eventually(() => held.length > 0, 'a request at the service');
  const { request, connection } = held.shift() as (typeof held)[number];
  connection.socket.write(echo(request));
  return nameOf(request);
}

describe('requests in one go', () => {
  test('are answered in their order', async () => {
    edge.origin.script = echo;
    const client = await edge.client();
    const bodies = ['{"name":"1"}', '{"name":"22"}', '{"name":"333"}'];
    client.write(bodies.map(postOf).join(to('/nothing')) + LAST());
    const [one, two, three] = bodies.map((body) => meant('POST', '/api/v1/projects', body));
    const { answers, closed } = await outcome(client);
    expect([answers, closed]).toEqual([[one, 'not_found', two, 'not_found', three], false]);
    expect(edge.origin.seen.slice(0, 3).map(nameOf)).toEqual([one, two, three]);
  });

  test('reach the service one after the other: what the first does has happened before the second', async () => {
    hold();
    const client = await edge.client();
    client.write(postOf('{"name":"1"}') + postOf('{"name":"2"}') + to('/api/v1/projects') + LAST());
    const order: string[] = [];
    for (let i = 0; i < 4; i++) {
      await eventually(() => held.length === 1, 'the next request');
      expect(edge.origin.seen).toHaveLength(i + 1);
      order.push(await answerNext());
    }
    expect((await outcome(client)).answers).toEqual(order.slice(0, 3));
  });

  test('of other connections do not wait', async () => {
    hold();
    const slow = await edge.client();
    slow.write(to('/api/v1/projects?slow=1') + to('/api/v1/projects?slow=2'));
    await eventually(() => held.length === 1, 'the slow one');
    const fast = await edge.client();
    fast.write(to('/api/v1/projects?fast=1'));
    await eventually(() => held.length === 2, 'the fast one');
    expect(held.map(({ request }) => request.target)).toEqual(['/api/v1/projects?slow=1', '/api/v1/projects?fast=1']);
  });

  test('are served a hundred deep', async () => {
    edge.origin.script = echo;
    const client = await edge.client();
    const targets = Array.from({ length: 100 }, (_, n) => `/api/v1/projects?n=${n}`);
    client.write(targets.map(to).join('') + LAST());
    expect(await outcome(client)).toEqual({ answers: targets.map((target) => meant('GET', target)), closed: false });
  });

  test('do not pile up: a connection that sends on and on is cut', async () => {
    hold();
    const client = await edge.client();
    client.write(Array.from({ length: 5_000 }, (_, n) => to(`/api/v1/projects?n=${n}`)).join(''));
    await client.closed();
    expect(client.total).toBe(0);
    expect(edge.origin.seen.length).toBeLessThan(2);
    expect((await edge.ask(lines('GET /health/live HTTP/1.1', HOST))).status).toBe(200);
  });

  test('that wait are not passed on when their client leaves', async () => {
    hold();
    const client = await edge.client();
    client.write(postOf('{"name":"1"}') + postOf('{"name":"2"}') + postOf('{"name":"3"}'));
    await eventually(() => held.length === 1, 'the first request');
    const upstream = held[0]?.connection.socket;
    client.socket.resetAndDestroy();
    await eventually(() => upstream?.destroyed === true, 'the service is told');
    expect((await edge.ask(lines('GET /health/live HTTP/1.1', HOST))).status).toBe(200);
    expect(edge.origin.seen).toHaveLength(1);
  });
});

describe('behind the last request of a connection', () => {
  test.each([
    ['Connection: close', () => lines('GET /api/v1/projects HTTP/1.1', HOST, edge.bearer, 'Connection: close'), 200],
    ['HTTP/1.0', () => lines('GET /api/v1/projects HTTP/1.0', HOST, edge.bearer), 200],
    [
      'a refusal that closes',
      () => `${lines('GET /nothing HTTP/1.1', HOST, 'Transfer-Encoding: Chunked')}0\r\n\r\n`,
      400,
    ],
    [
      'another protocol',
      () => lines('GET /api/v1/projects HTTP/1.1', HOST, edge.bearer, 'Connection: Upgrade', 'Upgrade: h2c'),
      200,
    ],
  ])('nothing is served: %s', async (_name, make, status) => {
    // The service's connection is open already, so that what is passed on would get there.
    expect((await edge.ask(get(edge.bearer))).status).toBe(200);
    edge.origin.reset();
    edge.origin.script = echo;
    const client = await edge.client();
    client.write(make() + postOf('{"name":"hidden"}'));
    const answers = await client.replies();
    expect(answers.map((answer) => answer.status)).toEqual([status]);
    expect(answers[0]?.field('connection')).toBe('close');
    expect(edge.origin.seen.filter(({ method }) => method === 'POST')).toEqual([]);
  });
});

describe('what is broken behind good requests', () => {
  test('is answered after them', async () => {
    hold();
    const client = await edge.client();
    client.write(`${postOf('{"name":"1"}')}${to('/api/v1/projects')}RUBBISH\r\n\r\n`);
    const order = [await answerNext(), await answerNext()];
    expect(await outcome(client)).toEqual({ answers: [...order, 'bad_request'], closed: true });
  });

  test('is answered in place of the request whose body it breaks', async () => {
    hold();
    const client = await edge.client();
    const broken = lines('POST /api/v1/projects HTTP/1.1', HOST, edge.bearer, JSON_TYPE, 'Transfer-Encoding: chunked');
    client.write(`${to('/api/v1/projects')}${broken}2\r\n{}\r\nzz\r\n`);
    const first = await answerNext();
    expect(await outcome(client)).toEqual({ answers: [first, 'bad_request'], closed: true });
    expect(edge.origin.seen).toHaveLength(1);
  });

  test('is answered once, however much of it comes', async () => {
    hold();
    const client = await edge.client();
    client.write(`${to('/api/v1/projects')}RUBBISH\r\n\r\n`);
    await eventually(() => held.length === 1, 'the request');
    for (let i = 0; i < 200; i++) client.write('RUBBISH\r\n\r\n'.repeat(100));
    const first = await answerNext();
    expect(await outcome(client)).toEqual({ answers: [first, 'bad_request'], closed: true });
  });
});

test('a request behind one for another protocol is served on a new connection', async () => {
  edge.origin.script = echo;
  for (const upgrade of ['websocket', 'h2c', 'TLS/1.3']) {
    const client = await edge.client();
    client.write(
      lines(
        'GET /api/v1/projects HTTP/1.1',
        HOST,
        edge.bearer,
        `Connection: keep-alive, Upgrade`,
        `Upgrade: ${upgrade}`,
      ),
    );
    const answer = await client.mustReply();
    expect([answer.status, answer.field('upgrade'), answer.field('connection')]).toEqual([200, undefined, 'close']);
    await client.closed();
  }
  expect(edge.origin.seen.map((seen) => [seen.field('upgrade'), seen.field('connection')])).toEqual(
    Array(3).fill([undefined, 'keep-alive']),
  );
});

test('an answer that never ends does not make its connection hold what comes behind it', async () => {
  let upstream: unknown;
  edge.origin.script = (_request, connection) => {
    upstream = connection.socket;
    return `${lines('HTTP/1.1 200 Fine', 'Transfer-Encoding: chunked')}3\r\nabc\r\n`;
  };
  const client = await edge.client();
  client.write(download(edge.bearer));
  await client.until(() => (client.received.includes('abc') ? true : undefined), 'the beginning');
  const flood = Buffer.from(lines(`GET /api/v1/projects/${ID} HTTP/1.1`, HOST).repeat(500));
  for (let i = 0; i < 100; i++) client.socket.write(flood);
  await client.closed();
  expect(edge.origin.seen).toHaveLength(1);
  // Nor does it keep the service busy for somebody who is not there.
  await eventually(
    () => [...edge.origin.connections].every(({ socket }) => socket !== upstream),
    'the end at the service',
  );
});
