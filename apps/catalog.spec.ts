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
import { createTestDatabase, type TestDatabase } from '@nexus/testing';
import { catalog } from './catalog.js';

const BOOTABLE = [
  'all',
  'auth,user',
  'auth,user,project',
  'auth,user,project,file',
  'auth,user,notification',
  'gateway,auth,user',
];

let database: TestDatabase;
let folder = 0;
beforeAll(async () => {
  database = await createTestDatabase();
  await migrateServices(database.url, catalog);
}, 60_000);
afterAll(async () => {
  await database.drop();
});

async function boot(target: string): Promise<RunningApp> {
  const composition = compose(parseTargets(target, catalog), catalog);
  // Internal processes listen on their service's own port, which may be taken on the machine of a test.
  const services = composition.services.map((service) => ({ ...service, port: 0 }));
  const config = loadProcessConfig(services, {
    DATABASE_URL: database.url,
    PORT: '0',
    MANAGEMENT_PORT: '0',
    AUTH_SECRET: 'a secret of tests only, long enough',
    NEXUS_DATA_DIR: `${process.env.TMPDIR ?? '/tmp'}/nexus-boot-${process.pid}-${folder++}`,
  });
  const logger = createLogger({ service: 'test', version: '0', environment: 'test', level: 'silent' });
  return runApp(await createApp({ ...composition, services }, config, logger));
}

const line = ({ service, method, path }: RoutePolicy) => `${service} ${method} ${path}`;

describe('every target', () => {
  test.each(BOOTABLE)('%s boots, is ready, serves its routes alone, and stops', async (target) => {
    const running = await boot(target);
    try {
      expect((await fetch(`${running.managementUrl}/health/ready`)).status).toBe(200);
      expect((await fetch(`${running.urls[0]}/health/live`)).status).toBe(200);
      expect(running.app.routes.map(line).sort()).toMatchSnapshot();
      const statuses = await Promise.all(
        running.urls.map(async (url) => (await fetch(`${url}/api/v1/projects`)).status),
      );
      const expected = running.app.composition.services.map(({ name }) => (name === 'project' ? 401 : 404));
      expect(statuses).toEqual(running.urls.length > 1 ? expected : [target === 'all' ? 401 : 404]);
    } finally {
      await running.stop();
    }
  });

  test.each([
    'gateway',
    'auth',
    'user',
    'project',
    'file',
    'notification',
    'auth,project',
  ])('%s says what it misses', (target) => {
    expect(() => compose(parseTargets(target, catalog), catalog)).toThrow(
      /^The service [a-z]+ needs [a-z]+ \(port [a-z-]+\): add [a-z]+ to --target\.$/,
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
