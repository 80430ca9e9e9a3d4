import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Edge, openEdge } from './support/edge.js';
import { lines, type RawClient } from './support/raw-client.js';
import type { SeenRequest } from './support/raw-origin.js';
import { download, get, post, upload } from './support/sent-requests.js';
import type { Field } from './support/wire-message.js';

let edge: Edge;
let client: RawClient;
beforeAll(async () => {
  edge = await openEdge();
  client = await edge.client();
}, 60_000);
afterAll(() => edge?.close(), 30_000);

/** What must not go from one hop to the next, or not from a client to a service (RFC 9110 §7.6.1 and the house's own). */
const HOP = ['keep-alive', 'proxy-connection', 'proxy-authorization', 'proxy-authenticate', 'upgrade', 'te', 'trailer'];
const TOLD = [
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-forwarded-port',
  'x-forwarded-x',
  'forwarded',
];
const OWN = ['x-nexus-actor', 'x-nexus-client-address', 'x-nexus-z', 'x-user-id', 'x-user-z', 'x-api-key', 'x-real-ip'];
/** What the gateway says itself, once. */
const SAID = [
  'via',
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-request-id',
  'traceparent',
  'x-nexus-client-address',
  'host',
  'connection',
];
const EVIL = 'evil-value';

/** A name in any case, with an underscore for any dash. */
function spelled(name: string): fc.Arbitrary<string> {
  return fc.array(fc.boolean(), { minLength: name.length, maxLength: name.length }).map((flips) =>
    [...name]
      .map((char, i) => {
        if (!flips[i]) return char;
        return char === '-' ? '_' : char.toUpperCase();
      })
      .join(''),
  );
}

const cased = (name: string) =>
  fc
    .array(fc.boolean(), { minLength: name.length, maxLength: name.length })
    .map((flips) => [...name].map((char, i) => (flips[i] ? char.toUpperCase() : char)).join(''));
/** Names that are nobody's. */
const free = fc.stringMatching(/^z[a-z0-9!#$%&'*+.^`|~-]{0,8}$/);
const value = fc.stringMatching(/^[!-~\u0080-\u00ff]([ -~\t\u0080-\u00ff]{0,20}[!-~\u0080-\u00ff])?$/);
const forbidden = fc.constantFrom(...HOP.filter((name) => name !== 'upgrade'), ...TOLD, ...OWN).chain(spelled);

/** Values by lower-case name, joined as a recipient may (RFC 9110 §5.3). */
function combined(fields: readonly Field[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const [name, one] of fields) {
    const key = name.toLowerCase();
    found.set(key, found.has(key) ? `${found.get(key)}, ${one}` : one);
  }
  return found;
}

const line = ([name, one]: Field) => `${name}: ${one}`;

async function seenFor(bytes: string): Promise<SeenRequest> {
  edge.origin.seen.length = 0;
  client.write(bytes);
  expect((await client.mustReply()).status).toBe(200);
  expect([edge.origin.seen.length, edge.origin.faults]).toEqual([1, []]);
  return edge.origin.seen[0] as SeenRequest;
}

const sent = fc.record({
  kept: fc.array(fc.tuple(free.chain(cased), value), { maxLength: 8 }),
  evil: fc.array(fc.tuple(forbidden, fc.constant(EVIL)), { maxLength: 8 }),
  /** Those of `kept` that the connection claims. */
  claimed: fc.array(fc.nat(7), { maxLength: 4 }),
  claims: fc.array(fc.constantFrom(...SAID, ...OWN, 'close-not', 'content-length').chain(cased), { maxLength: 4 }),
  order: fc.nat(),
});

describe('whatever fields a request has', () => {
  const makers = {
    get,
    post: (...fields: string[]) => post('{}', ...fields),
    upload: (...fields: string[]) => upload('x', ...fields),
  };

  test.each(Object.entries(makers))(
    'the service gets the free ones, the gateway’s own, and no others: %s',
    async (_name, make) => {
      await fc.assert(
        fc.asyncProperty(sent, async ({ kept, evil, claimed, claims, order }) => {
          const names = claimed.flatMap((n) => (kept[n] ? [kept[n][0]] : []));
          const connection = [...names, ...claims];
          const fields: Field[] = [...kept, ...evil];
          if (connection.length > 0)
            fields.splice(order % (fields.length + 1), 0, ['Connection', connection.join(' ,')]);
          const seen = await seenFor(make(edge.bearer, ...fields.map(line)));
          const got = combined(seen.fields);
          const gone = new Set(connection.map((name) => name.toLowerCase()));
          const expected = combined(kept.filter(([name]) => !gone.has(name.toLowerCase())));
          for (const [name, one] of expected) expect([name, got.get(name)]).toEqual([name, one]);
          const free = [...got.keys()].filter((name) => name.startsWith('z'));
          expect(new Set(free)).toEqual(new Set(expected.keys()));
          for (const name of SAID)
            expect([name, seen.fields.filter(([one]) => one.toLowerCase() === name).length]).toEqual([name, 1]);
          expect(seen.fields.filter(([name, one]) => one.includes(EVIL) || name.includes('_'))).toEqual([]);
          expect([got.get('x-nexus-client-address'), got.get('x-forwarded-for')]).toEqual(['127.0.0.1', '127.0.0.1']);
        }),
        { numRuns: 120 },
      );
    },
    60_000,
  );
});

describe('whatever fields an answer has', () => {
  const hop = [
    'keep-alive',
    'proxy-authenticate',
    'proxy-connection',
    'proxy-status',
    'te',
    'via',
    'server',
    'x-powered-by',
    'trailer',
  ];
  const edgeOwn = [
    'x-request-id',
    'x-nexus-error',
    'access-control-allow-origin',
    'ratelimit-limit',
    'referrer-policy',
  ];
  const once = [
    'x-request-id',
    'x-content-type-options',
    'referrer-policy',
    'ratelimit-limit',
    'ratelimit-remaining',
    'date',
    'connection',
  ];
  const answers = fc.record({
    kept: fc.array(fc.tuple(free.chain(cased), value), { maxLength: 8 }),
    evil: fc.array(fc.tuple(fc.constantFrom(...hop, ...edgeOwn).chain(cased), fc.constant(EVIL)), { maxLength: 8 }),
    claimed: fc.array(fc.nat(7), { maxLength: 4 }),
    claims: fc.array(fc.constantFrom(...once, 'content-length', 'transfer-encoding').chain(cased), { maxLength: 3 }),
    framing: fc.constantFrom('length', 'chunked'),
    trailers: fc.array(
      fc.tuple(
        fc.oneof(free, fc.constantFrom(...hop, ...edgeOwn, 'content-type', 'set-cookie', 'host')).chain(cased),
        value,
      ),
      { maxLength: 5 },
    ),
  });

  test.each([
    ['by undici', (...fields: string[]) => download(...fields)],
    ['by Node’s client', (...fields: string[]) => upload('x', ...fields)],
  ])(
    'its client gets the free ones, the gateway’s own, and no others: %s',
    async (_name, make) => {
      await fc.assert(
        fc.asyncProperty(answers, async ({ kept, evil, claimed, claims, framing, trailers }) => {
          const names = claimed.flatMap((n) => (kept[n] ? [kept[n][0]] : []));
          const fields: Field[] = [...kept, ...evil];
          if (names.length + claims.length > 0) fields.push(['Connection', [...names, ...claims].join(',')]);
          const head = ['HTTP/1.1 200 Fine', ...fields.map(line)];
          const bytes =
            framing === 'length'
              ? `${lines(...head, 'Content-Length: 3')}abc`
              : `${lines(...head, 'Transfer-Encoding: chunked')}3\r\nabc\r\n0\r\n${trailers.map((one) => `${line(one)}\r\n`).join('')}\r\n`;
          edge.origin.script = () => bytes;
          client.write(make(edge.bearer, 'TE: trailers'));
          const answer = await client.mustReply();
          expect([answer.status, answer.text]).toEqual([200, 'abc']);
          const gone = new Set([...names, ...claims].map((name) => name.toLowerCase()));
          const got = combined(answer.fields);
          const expected = combined(kept.filter(([name]) => !gone.has(name.toLowerCase())));
          for (const [name, one] of expected) expect([name, got.get(name)]).toEqual([name, one]);
          expect(new Set([...got.keys()].filter((name) => name.startsWith('z')))).toEqual(new Set(expected.keys()));
          for (const name of once) expect([name, answer.all(name).length]).toEqual([name, 1]);
          expect([...answer.fields].filter(([, one]) => one.includes(EVIL))).toEqual([]);
          const passed = framing === 'chunked' ? combined(trailers.filter(([name]) => /^z/i.test(name))) : new Map();
          expect(combined(answer.message.trailers)).toEqual(passed);
        }),
        { numRuns: 120 },
      );
    },
    60_000,
  );
});
