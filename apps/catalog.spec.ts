import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  collectControllers,
  compose,
  createApp,
  HealthController,
  loadProcessConfig,
  migrateServices,
  parseTargets,
  type RunningApp,
  runApp,
  schemaPlan,
} from '@nexus/bootstrap';
import { ALL_EVENTS, type RoutePolicy } from '@nexus/contracts';
import { migrate, revertLast } from '@nexus/database';
import { reflectRoutes } from '@nexus/http';
import { createLogger } from '@nexus/observability';
import { createTestDatabase, TestAuthority, type TestDatabase } from '@nexus/testing';
import { Agent, request } from 'undici';
import { catalog } from './catalog.js';

const TARGETS = [
  'all',
  'gateway',
  'auth',
  'user',
  'project',
  'file',
  'notification',
  'auth,user',
  'auth,user,notification',
  'gateway,auth,user',
];

let database: TestDatabase;
let authority: TestAuthority;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nexus-boot-'));
  database = await createTestDatabase();
  authority = await TestAuthority.create();
  await migrateServices(database.url, catalog);
}, 60_000);
afterAll(async () => {
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

/** Where services would be that are not part of the process: nobody is there. */
const ELSEWHERE = Object.fromEntries(
  ['AUTH', 'USER', 'PROJECT', 'FILE', 'NOTIFICATION'].flatMap((name) => [
    [`NEXUS_${name}_URL`, 'https://127.0.0.1:1'],
    [`NEXUS_${name}_PORT`, '0'],
  ]),
);

async function boot(target: string, env: Record<string, string> = {}): Promise<RunningApp> {
  const composition = compose(parseTargets(target, catalog), catalog);
  const { services } = composition;
  const identity = await authority.issue(services.map(({ name }) => name).join('+'));
  const config = loadProcessConfig(services, {
    DATABASE_URL: database.url,
    PORT: '0',
    MANAGEMENT_PORT: '0',
    AUTH_SECRET: 'a secret of tests only, long enough',
    NEXUS_DATA_DIR: join(folder, target),
    ...ELSEWHERE,
    ...(target === 'all' ? {} : { TLS_CERT: identity.cert, TLS_KEY: identity.key, TLS_CA: identity.ca }),
    ...env,
  });
  const logger = createLogger({ service: 'test', version: '0', environment: 'test', level: 'silent' });
  return runApp(await createApp(composition, config, logger));
}

const line = ({ service, method, path }: RoutePolicy) => `${service} ${method} ${path}`;

describe('every target', () => {
  test.each(TARGETS)('%s boots, serves its routes alone, and stops', async (target) => {
    const running = await boot(target);
    const { cert, key, ca } = await authority.issue('gateway');
    const peer = new Agent({ connect: { cert, key, ca, checkServerIdentity: () => undefined } });
    try {
      // Without auth nobody can be let in, and a process that cannot ask it says so.
      const ready = target === 'all' || target.includes('auth');
      expect((await fetch(`${running.managementUrl}/health/ready`)).status).toBe(ready ? 200 : 503);
      const ask = async (url: string, path: string) => {
        const { statusCode, body } = await request(url + path, { dispatcher: peer });
        await body.dump();
        return statusCode;
      };
      expect(running.app.routes.map(line).sort()).toMatchSnapshot();
      const { services } = running.app.composition;
      const names = services.map(({ name }) => name).filter((name) => name !== 'gateway' || target !== 'all');
      const listeners = target === 'all' ? ['all'] : names;
      expect(running.urls).toHaveLength(listeners.length);
      for (const [i, name] of listeners.entries()) {
        const url = running.urls[i] as string;
        expect(new URL(url).protocol).toBe(name === 'all' || name === 'gateway' ? 'http:' : 'https:');
        expect(await ask(url, '/health/live')).toBe(200);
        const known = name === 'all' || name === 'gateway' || name === 'project';
        expect([name, await ask(url, '/api/v1/projects')]).toEqual([name, known ? 401 : 404]);
        expect([name, await ask(url, '/internal/v1/token-trust/keys')]).toEqual([
          name,
          name === 'auth' ? 405 : name === 'all' || name === 'gateway' ? 404 : target.includes('auth') ? 405 : 404,
        ]);
      }
    } finally {
      await peer.close();
      await running.stop();
    }
  });

  test.each([
    [
      'project',
      /^The service (auth|user) runs elsewhere and is reached over TLS: set TLS_CERT, TLS_KEY and TLS_CA, or add/,
    ],
    ['gateway', /^The service auth runs elsewhere and is reached over TLS: set TLS_CERT, TLS_KEY and TLS_CA, or add/],
    ['auth,user', /^The service auth takes requests of the other services over TLS: set TLS_CERT, TLS_KEY and TLS_CA/],
  ])('%s says what it misses without an identity', async (target, sentence) => {
    await expect(boot(target, { TLS_CERT: '', TLS_KEY: '', TLS_CA: '' })).rejects.toThrow(sentence);
  });

  test('needs an identity of every service that it holds', async () => {
    const { cert, key, ca } = await authority.issue('auth');
    await expect(boot('auth,user', { TLS_CERT: cert, TLS_KEY: key, TLS_CA: ca })).rejects.toThrow(
      'the certificate is of auth, not of user',
    );
  });
});

describe('the catalog agrees with itself', () => {
  test('every event reaches exactly the services that its contract names', () => {
    for (const event of ALL_EVENTS) {
      const listening = catalog.filter((service) =>
        service.subscribes.some((subscription) => subscription.event === event),
      );
      expect(listening.map(({ name }) => name).sort()).toEqual([...event.subscribers].sort());
      expect(catalog.filter((service) => service.publishes.includes(event))).toHaveLength(1);
    }
  });

  test('a service calls only ports that list it', () => {
    for (const service of catalog) {
      for (const port of service.needs) {
        const provided = catalog.flatMap((other) => other.provides).find((candidate) => candidate.port === port);
        expect(provided?.callers).toContain(service.name);
      }
    }
  });

  test('operations are unique, and every route of the API lies under /api/v1', async () => {
    const routes = reflectRoutes('gateway', [HealthController]);
    for (const service of catalog)
      routes.push(...reflectRoutes(service.name, collectControllers(await service.module())));
    const operations = routes.map(({ policy }) => policy.operation);
    expect(new Set(operations).size).toBe(operations.length);
    const elsewhere = routes.map(({ policy }) => policy.path).filter((path) => !path.startsWith('/api/v1/'));
    expect(elsewhere.filter((path) => !/^\/($|docs|health|\.well-known|dev\/mail)/.test(path))).toEqual([]);
  });

  test('every migration goes back and forth', async () => {
    const own = await createTestDatabase();
    try {
      await migrateServices(own.url, catalog);
      for (const plan of catalog.map(schemaPlan).filter((candidate) => candidate !== undefined)) {
        for (let i = 0; i < plan.migrations.length; i++) await revertLast(own.url, plan);
        const again = await migrate(own.url, [plan], [plan.schema]);
        expect(again).toHaveLength(plan.migrations.length);
      }
    } finally {
      await own.drop();
    }
  }, 60_000);
});
