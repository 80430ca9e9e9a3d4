import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { RedisServer } from '../../tools/verify/redis-server.js';
import { PATIENCE_MS } from './support/conditions.js';
import { Fleet } from './support/fleet.js';
import { call, type Person, register } from './support/people.js';
import { openRedis } from './support/redis.js';

/** Somebody, and a word that stands in everything that nobody else may see. */
interface Somebody extends Person {
  readonly secret: string;
  readonly projects: readonly string[];
}

const PEOPLE = 4;
const PROJECTS = 3;

let redis: RedisServer;
let fleet: Fleet;
let gateways: readonly string[];
let people: readonly Somebody[];

async function somebody(url: string): Promise<Somebody> {
  const person = await register(url);
  const secret = `secret-${randomBytes(6).toString('hex')}`;
  const projects: string[] = [];
  for (let n = 0; n < PROJECTS; n += 1) {
    const body = { name: `${secret} ${n}`, visibility: 'private' };
    const { data } = await call<{ id: string }>(url, 'POST', '/api/v1/projects', { token: person.token, body });
    projects.push(data.id);
  }
  return { ...person, secret, projects };
}

beforeAll(async () => {
  redis = await openRedis();
  fleet = await Fleet.start({
    processes: ['gateway', 'gateway', 'auth,user,project,file,notification'],
    env: { REDIS_URL: redis.url, GATEWAY_REPLICAS: '2', REDIS_DEADLINE_MS: '250' },
  });
  gateways = fleet.of('gateway').map(({ port }) => `http://127.0.0.1:${port}`);
  people = await Promise.all(Array.from({ length: PEOPLE }, () => somebody(fleet.url)));
}, 2 * PATIENCE_MS);

afterAll(async () => {
  await fleet?.close();
  await redis?.stop();
}, PATIENCE_MS);

/** Whatever is kept, in any spelling that a cache might take for another's. */
const target = fc.oneof(
  fc.constant('/api/v1/users/me'),
  fc.constant('/api/v1/users/me/preferences'),
  fc.constantFrom('/api/v1/projects', '/api/v1/projects?limit=5', '/api/v1/projects?sort=-created_at&limit=5'),
  fc.constantFrom('/api/v1/notifications', '/api/v1/notifications?limit=5', '/api/v1/notifications/unread-count'),
  fc
    .tuple(fc.nat(PEOPLE - 1), fc.nat(PROJECTS - 1), fc.constantFrom('', '?', '?a=1', '?b=2&a=1', '?a=1&b=2'))
    .map(([owner, n, query]) => `/api/v1/projects/${people[owner]?.projects[n]}${query}`),
  fc.nat(PEOPLE - 1).map((n) => `/api/v1/users/${people[n]?.id}`),
);
const visit = fc.record({
  who: fc.integer({ min: -1, max: PEOPLE - 1 }),
  gateway: fc.nat(1),
  target,
  at: fc.constantFrom('alone', 'together'),
});
const change = fc.record({ changes: fc.nat(PEOPLE - 1), project: fc.nat(PROJECTS - 1), gateway: fc.nat(1) });

interface Visit {
  readonly who: number;
  readonly gateway: number;
  readonly target: string;
  readonly at: string;
}

async function look({ who, gateway, target: path }: Visit): Promise<{ path: string; foreign: string[]; hit: boolean }> {
  const me = people[who];
  const reply = await fetch(`${gateways[gateway]}${path}`, {
    headers: me ? { authorization: `Bearer ${me.token}` } : {},
  });
  const text = await reply.text();
  const others = people.filter((person) => person !== me);
  // A secret word or an address stands for everything that is one person's own.
  const foreign = others.filter(({ secret, email }) => text.includes(secret) || text.includes(email));
  if (me === undefined && path !== '/' && reply.status === 200) foreign.push(...people);
  return { path, foreign: foreign.map(({ id }) => id), hit: /\bhit\b/.test(reply.headers.get('cache-status') ?? '') };
}

describe('what is kept', () => {
  test(
    'is never given to anybody whose it is not, whoever asks for whatever, wherever and when',
    async () => {
      let looks = 0;
      let hits = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.oneof({ weight: 8, arbitrary: visit }, change), { minLength: 10, maxLength: 60, size: 'max' }),
          async (steps) => {
            const together: Promise<{ path: string; foreign: string[]; hit: boolean }>[] = [];
            const seen: { path: string; foreign: string[]; hit: boolean }[] = [];
            for (const step of steps) {
              if ('changes' in step) {
                const owner = people[step.changes] as Somebody;
                const path = `/api/v1/projects/${owner.projects[step.project]}`;
                const body = { description: `${owner.secret} changed` };
                await call(gateways[step.gateway] as string, 'PATCH', path, { token: owner.token, body });
              } else if (step.at === 'alone') seen.push(await look(step));
              else together.push(look(step));
            }
            seen.push(...(await Promise.all(together)));
            looks += seen.length;
            hits += seen.filter(({ hit }) => hit).length;
            expect(seen.filter(({ foreign }) => foreign.length > 0)).toEqual([]);
          },
        ),
        { numRuns: 60 },
      );
      console.log(`${looks} answers looked at, ${hits} of them kept ones: none was somebody else's`);
      expect(hits).toBeGreaterThan(looks / 10);
    },
    PATIENCE_MS,
  );
});
