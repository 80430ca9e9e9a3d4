import { createHmac } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MemoryDestination } from './log-destination.js';
import { createLogger } from './logger.js';
import { isPlain, isSecretKey, isSuspect, REDACTED, scrub } from './redaction.js';
import { logRequest } from './request-log.js';

const base64url = fc
  .uint8Array({ minLength: 24, maxLength: 64 })
  .map((bytes) => Buffer.from(bytes).toString('base64url'));
const json = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Secrets in the shapes that the platform and its neighbours use. */
const jwt = fc
  .tuple(fc.constantFrom('ES256', 'RS256', 'none'), fc.uuid(), fc.uint8Array({ minLength: 0, maxLength: 64 }))
  .map(([alg, sub, mac]) => `${json({ alg, typ: 'JWT' })}.${json({ sub })}.${Buffer.from(mac).toString('base64url')}`);
const apiKey = base64url.map((text) => `nx_${text}`);
const refreshToken = fc
  .tuple(fc.uuid(), fc.nat(9999))
  .map(([sid, generation]) => `${sid}.${generation}.${createHmac('sha256', 'k').update(sid).digest('base64url')}`);
const opaque = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => `aA0${Buffer.from(bytes).toString('base64url')}`);
const recognisable = fc.oneof(jwt, apiKey, refreshToken, opaque);
/** Only its place tells that it is one. */
const password = fc
  .string({ unit: fc.constantFrom(...'abcXYZ0189!$%*+_-'), minLength: 8, maxLength: 40 })
  .map((text) => `S3cr3t${text}`);

const SECRET_NAMES = [
  'password',
  'newPassword',
  'current_password',
  'token',
  'accessToken',
  'refresh_token',
  'id-token',
  'mfa_token',
  'Authorization',
  'proxy-authorization',
  'cookie',
  'Set-Cookie',
  'X-API-Key',
  'apiKey',
  'api_key',
  'secret',
  'clientSecret',
  'S3_SECRET_KEY',
  'private_key',
  'credentials',
  'SMTP_PASSWORD',
  'otp',
  'totp',
  'recovery_codes',
  'card.pin',
];

function capture(log: (logger: ReturnType<typeof createLogger>) => void): string {
  const destination = new MemoryDestination();
  log(createLogger({ service: 's', version: '1', environment: 'test', level: 'debug', destination }));
  expect(destination.lines.length).toBeGreaterThan(0);
  for (const line of destination.lines) JSON.parse(line);
  return destination.lines.join('');
}

describe('planted secrets never appear', () => {
  const words = fc.stringMatching(/^[a-z ,;:'"(){}[\]\n\t.]{0,20}$/);

  it('in messages, errors, causes, stacks, fields, keys, lists, maps, whatever stands around them', () => {
    fc.assert(
      fc.property(recognisable, words, words, (secret, before, after) => {
        const text = `${before}${secret}${after}`;
        const error = new Error(text, { cause: new Error(text) });
        const record = (logger: ReturnType<typeof createLogger>) => {
          logger.info(text);
          logger.error('x', { error });
          logger.error('x', { error: text });
          logger.error('x', { error: { deep: [text] } });
          logger.warn('x', { a: text, b: [{ c: [text] }], [text]: 1, 'labels.x': text, 'event.tags': [text] });
          logger.warn('x', {
            map: new Map([[text, new Set([text])]]),
            nested: { error },
            json: { toJSON: () => text },
          });
          logger.child({ bound: text, [`labels.${text}`]: 'x' }).info(JSON.stringify({ inner: text }));
          logger.info(JSON.stringify(JSON.stringify({ inner: text })));
        };
        expect(capture(record)).not.toContain(secret);
      }),
      { numRuns: 150 },
    );
  });

  it('in credentials of a scheme, in URLs, in pairs of name and value', () => {
    const places: ((secret: string) => string)[] = [
      (s) => `Authorization: Bearer ${s}`,
      (s) => `sent bearer ${s} upstream`,
      (s) => `Basic ${Buffer.from(`user:${s}`).toString('base64')}`,
      (s) => `connect postgres://nexus:${s}@db.internal:5432/nexus failed`,
      (s) => `redis://:${s}@cache:6379`,
      (s) => `https://${s}@git.example/x.git`,
      (s) => `GET /api/v1/auth/reset?email=a@b.c&token=${s}&x=1`,
      (s) => `https://app.example/#access_token=${s}`,
      (s) => `https://h/x?plain=${s}`,
      (s) => `password=${s}`,
      (s) => `password: ${s}, user: x`,
      (s) => `{"password":"${s}","x":1}`,
      (s) => JSON.stringify(`{"client_secret": "${s} and more ${s}"}`),
      (s) => `cookie: sid=${s}; theme=dark`,
      (s) => `Set-Cookie: a=1; session=${s}`,
      (s) => `api key = ${s}`,
      (s) => `$argon2id$v=19$m=19456,t=2,p=1$${s}$${s}`,
      (s) => `-----BEGIN EC PRIVATE KEY-----\n${s}\n-----END EC PRIVATE KEY-----`,
      (s) => `-----BEGIN PRIVATE KEY-----\n${s}`,
    ];
    fc.assert(
      fc.property(fc.oneof(password, recognisable), fc.constantFrom(...places), (secret, place) => {
        const encoded = Buffer.from(`user:${secret}`).toString('base64');
        const lines = capture((logger) => {
          logger.error(place(secret), { error: new Error(place(secret)), detail: [place(secret)] });
        });
        expect(lines).not.toContain(secret);
        expect(lines).not.toContain(encoded);
      }),
      { numRuns: 400 },
    );
  });

  it('under telling names, at any depth, in any shape', () => {
    const value = fc.oneof(
      password.map((secret) => ({ secret, value: secret as unknown })),
      password.map((secret) => ({ secret, value: [secret, { x: secret }] as unknown })),
      password.map((secret) => ({ secret, value: new Map([[secret, Buffer.from(secret)]]) as unknown })),
      fc
        .integer({ min: 10_000_000, max: 99_999_999 })
        .map((number) => ({ secret: String(number), value: number as unknown })),
    );
    fc.assert(
      fc.property(value, fc.constantFrom(...SECRET_NAMES), fc.nat(5), ({ secret, value: held }, name, depth) => {
        let body: Record<string, unknown> = { [name]: held };
        for (let i = 0; i < depth; i++) body = { level: [body] };
        const lines = capture((logger) => {
          logger.info('x', body);
          logger.child(body).info('x', { [`http.request.headers.${name}`]: held });
          if (typeof held === 'string') {
            logger.info('x', { headers: ['host', 'h', name, held, 'accept', '*/*'], pairs: [{ name, value: held }] });
          }
        });
        expect(lines).not.toContain(secret);
      }),
      { numRuns: 200 },
    );
  });

  it('in access lines: parameters, paths that look like it, segments that the route declares as a token', () => {
    const request = {
      method: 'GET',
      status: 200,
      durationMicros: 1,
      requestId: '9b2c0f3e-1111-4222-8333-123456789abc',
    };
    fc.assert(
      fc.property(recognisable, password, (secret, word) => {
        const lines = capture((logger) => {
          logRequest(logger, { ...request, url: `/a?q=${word}&n=${secret}&${secret}&${secret}=1&x=${word}=${word}` });
          logRequest(logger, { ...request, url: `/files/${secret}` });
          logRequest(logger, { ...request, url: `/files/shared/${word}?a`, route: '/files/shared/:token' });
          logRequest(logger, { ...request, url: `/x/${word}/accept`, route: '/x/{invitation_token}/accept' });
          logRequest(logger, {
            ...request,
            url: '/',
            method: secret,
            actorId: secret,
            cache: secret,
            errorCode: secret,
          });
          logRequest(logger, { ...request, url: '/', requestId: secret, traceId: secret, clientAddress: secret });
        });
        expect(lines).not.toContain(secret);
        expect(lines).not.toContain(word);
      }),
      { numRuns: 150 },
    );
  });
});

describe('what stays readable', () => {
  it.each([
    'password authentication failed for user "nexus"',
    'Unexpected token } in JSON at position 4',
    'relation "usr.users" does not exist',
    'connect ECONNREFUSED 127.0.0.1:5432',
    'basic information is missing',
    'GET /api/v1/auth/password/change 204',
    'sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    'at Object.<anonymous> (file:///srv/dist/libs/http/src/exception.filter.js:12:34)',
    'https://example.com/a/b',
    'Mapped {/api/v1/auth/token, POST} route',
  ])('%s', (text) => {
    expect(scrub(text)).toBe(text);
  });

  it('names of parameters and the rest of the text', () => {
    expect(scrub('GET /x?limit=20&token=abc failed')).toBe('GET /x?limit=*&token=* failed');
    expect(scrub('to postgres://u:p@db:5432/nexus now')).toBe(`to postgres://${REDACTED}@db:5432/nexus now`);
  });

  it('names that only look telling', () => {
    for (const name of [
      'token_type',
      'max_tokens',
      'author',
      'code',
      'key',
      'path',
      'status',
      'sid',
      'keyboard',
      'spin',
    ]) {
      expect([name, isSecretKey(name)]).toEqual([name, false]);
    }
    for (const name of SECRET_NAMES) expect([name, isSecretKey(name)]).toEqual([name, true]);
    const lines = capture((logger) => logger.info('x', { password_set: true, token: null, cookie: undefined }));
    expect(lines).toContain('"password_set":true,"token":null');
  });
});

describe('the quick look', () => {
  it('never misses what the expressions would find', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 12 }),
      fc.string({ unit: 'grapheme-ascii', maxLength: 50 }),
      fc.constantFrom(
        'eyJ',
        'nx_',
        'Bearer ',
        'BASIC ',
        '://',
        '?a=',
        'passwd',
        'PWD',
        'Secret',
        'tOken',
        'api-key=',
        '/api/',
      ),
      fc.constantFrom(
        'authorization',
        'COOKIE:',
        'credential',
        '$argon2',
        '$2b$',
        '$scrypt',
        'PRIVATE KEY',
        '#x=y',
        '@',
      ),
      recognisable,
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
        const text = pieces.join('');
        const scrubbed = scrub(text);
        if (scrubbed !== text) expect(isSuspect(text)).toBe(true);
        if (isPlain(text)) {
          expect(scrubbed).toBe(text);
          expect(JSON.stringify(text)).toBe(`"${text}"`);
        }
      }),
      { numRuns: 1500 },
    );
  });

  it('costs linear time on text made to be slow', () => {
    const unit = [
      'eyJ',
      'eyJ.',
      'nx_',
      'a',
      '-',
      'a.',
      'bearer ',
      'basic ',
      '://',
      '://a:',
      '?a=',
      '?',
      '&',
      '-----BEGIN PRIVATE KEY-----',
      'token',
      'token=',
      'token="',
      "token='",
      'token\\"',
      'cookie:',
      'authorization',
      '$argon2',
      '://:@',
      'api key',
      'eyJaaaaaaaaaa.',
    ];
    for (const part of unit) {
      const text = part.repeat(Math.ceil(200_000 / part.length));
      const began = process.cpuUsage();
      scrub(text);
      isSuspect(text);
      const { user, system } = process.cpuUsage(began);
      expect([part, (user + system) / 1000 < 1500]).toEqual([part, true]);
    }
  });
});
