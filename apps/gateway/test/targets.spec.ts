import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Edge, openEdge } from './support/edge.js';
import { lines } from './support/raw-client.js';
import { HOST, ID } from './support/sent-requests.js';

let edge: Edge;
beforeAll(async () => {
  edge = await openEdge();
}, 60_000);
afterEach(() => edge.reset());
afterAll(() => edge?.close(), 30_000);

async function ask(target: string, ...fields: string[]) {
  const answer = await edge.ask(lines(`GET ${target} HTTP/1.1`, HOST, edge.bearer, ...fields));
  return { answer, targets: edge.origin.seen.map((seen) => seen.target) };
}

describe('a target is passed on exactly as it was checked', () => {
  test.each([
    '/api/v1/projects',
    '/api/v1/%70rojects',
    '/api/v1/%70%72ojects?a=%2e%2e/..',
    '/api/v1/projects?',
    '/api/v1/projects?a=b?c=/../d&&=;%00x'.replace('%00', '%20'),
    '/api/v1/projects?q=%C3%A9+%2B&a[b]=c|d^"<>{}`\\..\\',
    `/api/v1/projects/${ID}?%2e%2e%2f`,
    '/dev/mail/a;b=c',
    '/dev/mail/%252e%252e%252f',
    '/dev/mail/...',
    '/dev/mail/..a',
    '/dev/mail/a%2fb',
    '/dev/mail/.hidden',
    '/.well-known/jwks.json'.replace('/.well-known/jwks.json', '/dev/mail/a.b'),
  ])('%s', async (target) => {
    const { answer, targets } = await ask(target);
    expect([answer.status, targets]).toEqual([200, [target]]);
  });

  test('in absolute form it becomes a path, and its authority is the host', async () => {
    edge.origin.reset();
    const { answer, targets } = await ask('http://one.example:81/api/v1/projects?x=1');
    expect([answer.status, targets]).toEqual([200, ['/api/v1/projects?x=1']]);
    const [seen] = edge.origin.seen;
    expect(seen?.field('x-forwarded-host')).toBe('one.example:81');
    expect(seen?.field('forwarded')).toBe('for=127.0.0.1;host="one.example:81";proto=http');
    // It says nothing of this machine, whatever the Host field says.
    edge.origin.reset();
    const local = lines('GET http://evil.example/dev/mail/messages HTTP/1.1', 'Host: localhost');
    expect((await edge.ask(local)).status).toBe(200);
    expect(edge.origin.seen.map((one) => one.field('x-nexus-local-visitor'))).toEqual([undefined]);
  });
});

describe('a target that may mean two paths is nobody’s', () => {
  test.each([
    '/dev/mail/..',
    '/dev/mail/.',
    '/dev/mail/../',
    '/dev/mail/%2e%2e',
    '/dev/mail/%2E.',
    '/dev/mail/.%2e?x',
    '/dev/mail/a%2f..%2f..%2finternal',
    '/dev/mail/..%2finternal',
    '/dev/mail/..%5cinternal',
    '/dev/mail/%5c..%5cinternal',
    '/dev/mail/..\\..\\internal',
    '/dev/mail\\messages',
    '/dev/mail/..;/internal',
    '/dev/mail/..;x=1',
    '/api/v1/x/../projects',
    '/api/v1/./projects',
    '/api/v1/%2e/projects',
    '/api/v1/projects/..%2f..%2f..%2finternal',
    '/api/v1/projects#x',
    '/api/v1/projects/%00',
    '/api/v1/projects/%',
    '/api/v1/projects/%zz',
    '/api/v1/projects/%c0%ae%c0%ae',
    '/api/v1/projects?q=%ff',
    '/api/v1/proj\u00e9cts',
    '/api/v1/projects?q=\u00e9',
    '*',
    'api/v1/projects',
    'http://user@api.example/api/v1/projects',
    'http://a b/api/v1/projects',
    'http:///api/v1/projects',
    'https://api.example:99999999/api/v1/projects',
    'file:///api/v1/projects',
  ])('%s', async (target) => {
    const { answer, targets } = await ask(target);
    expect([answer.status, targets]).toEqual([400, []]);
    expect(answer.errorCode).toMatch(/^(bad_request|invalid_encoding)$/);
  });

  test.each([
    '//api/v1/projects',
    '/api//v1/projects',
    '/api/v1/projects;x=1',
    '/API/v1/projects',
    '/api/v1/projects%2f',
    '/api/v1%2fprojects',
    '/%2fapi/v1/projects',
    '/api/v1/projects/me/x.css',
    '/api/v1/users/me/x.css',
  ])('%s is another one', async (target) => {
    const { answer, targets } = await ask(target);
    expect([400, 404]).toContain(answer.status);
    expect(targets).toEqual([]);
    expect(answer.errorCode).toBeTruthy();
  });
});

describe('what services tell each other is out of reach', () => {
  const spellings = [
    '/internal/v1/token-trust/keys',
    '/Internal/v1/token-trust/keys',
    '/INTERNAL/v1/token-trust/keys',
    '/%69nternal/v1/token-trust/keys',
    '/internal%2fv1%2ftoken-trust%2fkeys',
    '/%2finternal/v1/token-trust/keys',
    '//internal/v1/token-trust/keys',
    '///internal/v1/token-trust/keys',
    '/./internal/v1/token-trust/keys',
    '/api/../internal/v1/token-trust/keys',
    '/api/v1/../../internal/v1/token-trust/keys',
    '/api/v1/projects/../../../internal/v1/token-trust/keys',
    `/api/v1/projects/${ID}/../../../../internal/v1/token-trust/keys`,
    '/dev/mail/../../internal/v1/token-trust/keys',
    '/dev/mail/..%2f..%2finternal%2fv1%2ftoken-trust%2fkeys',
    '/dev/mail/%2e%2e/%2e%2e/internal/v1/token-trust/keys',
    '/dev/mail/..;/..;/internal/v1/token-trust/keys',
    '/dev/mail/..\\..\\internal\\v1\\token-trust\\keys',
    '\\internal\\v1\\token-trust\\keys',
    '/\\internal/v1/token-trust/keys',
    '/;/internal/v1/token-trust/keys',
    '/internal;x=1/v1/token-trust/keys',
    '/internal/v1/token-trust/keys/',
    '/internal/v1/token-trust/keys?x=1',
    'http://api.example/internal/v1/token-trust/keys',
    'http://auth:8081/internal/v1/token-trust/keys',
    'http://api.example//internal/v1/token-trust/keys',
    'internal/v1/token-trust/keys',
  ];
  const methods = ['POST', 'GET', 'OPTIONS', 'DELETE', 'PUT'];

  test.each(spellings)('%s', async (target) => {
    for (const method of methods) {
      const head = [
        `${method} ${target} HTTP/1.1`,
        HOST,
        edge.bearer,
        'User-Agent: nexus-auth',
        'X-Nexus-Actor: service:auth',
      ];
      const answer = await edge.ask(`${lines(...head, 'Content-Type: application/json', 'Content-Length: 2')}{}`);
      expect([400, 404]).toContain(answer.status);
      expect(answer.text).not.toContain('"kty"');
    }
    expect(edge.origin.seen).toEqual([]);
  });
});

describe('Host', () => {
  test.each([
    ['none', []],
    ['two', ['Host: a', 'Host: b']],
    ['the same twice', ['Host: a', 'Host: a']],
    ['an empty one', ['Host:']],
    ['a list', ['Host: a, b']],
    ['a path', ['Host: a/b']],
    ['a user', ['Host: u@a']],
    ['a quote', ['Host: a"b']],
    ['a blank', ['Host: a b']],
    ['a port of letters', ['Host: a:b']],
    ['a long port', ['Host: a:123456']],
    ['no ASCII', ['Host: \u00e9']],
    ['half an address', ['Host: [::1']],
  ])('that is no host is refused: %s', async (_name, hosts) => {
    const answer = await edge.ask(lines('GET /api/v1/projects HTTP/1.1', ...hosts, edge.bearer));
    expect([answer.status, answer.errorCode, edge.origin.seen]).toEqual([400, 'bad_request', []]);
  });

  test.each([
    'a',
    'a.example',
    'A.EXAMPLE:80',
    '127.0.0.1:1',
    '[::1]:8080',
    'a_b.example',
  ])('%s is one', async (host) => {
    const answer = await edge.ask(lines('GET /api/v1/projects HTTP/1.1', `Host: ${host}`, edge.bearer));
    expect([answer.status, edge.origin.seen[0]?.field('x-forwarded-host')]).toEqual([200, host]);
  });

  test('of HTTP/1.0 may be missing', async () => {
    const answer = await edge.ask(lines('GET /api/v1/projects HTTP/1.0', edge.bearer));
    expect([answer.status, edge.origin.seen[0]?.field('forwarded')]).toEqual([200, 'for=127.0.0.1;host="";proto=http']);
  });
});

test('any path at all is passed on to the letter or not at all', async () => {
  const part = fc.oneof(
    fc.constantFrom(
      '.',
      '..',
      '%2e',
      '%2E%2e',
      '%2f',
      '%5c',
      '\\',
      ';',
      '/',
      '//',
      '%25',
      '%252e',
      '%00',
      '%ff',
      '?',
      '#',
      '*',
    ),
    fc.constantFrom('internal', 'api', 'v1', 'projects', 'dev', 'mail', 'a', '%61', '@', ':', '%'),
  );
  const target = fc.tuple(
    fc.constantFrom('/', '/dev/mail/', '/api/v1/', '/api/v1/projects/'),
    fc.array(part, { maxLength: 8 }),
  );
  const client = await edge.client();
  await fc.assert(
    fc.asyncProperty(target, async ([start, parts]) => {
      const asked = start + parts.join('');
      edge.origin.seen.length = 0;
      client.write(lines(`GET ${asked} HTTP/1.1`, HOST, edge.bearer));
      const answer = await client.mustReply();
      const targets = edge.origin.seen.map((seen) => seen.target);
      if (targets.length === 0) {
        // The gateway's own pages are the only ones that it answers itself.
        if (asked.split('?')[0] !== '/') expect(answer.errorCode).toBeTruthy();
        return;
      }
      expect(targets).toEqual([asked]);
      const path = decodeURIComponent((asked.split('?')[0] as string).replaceAll('%25', '%2525'));
      expect(path).not.toMatch(/(^|[/\\])\.{1,2}([/\\;]|$)|\0/);
      expect(asked.split('?')[0]).not.toContain('\\');
      expect(path).toMatch(/^\/(api\/v1\/|dev\/mail)/);
    }),
    { numRuns: 400 },
  );
}, 60_000);
