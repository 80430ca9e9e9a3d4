import { randomBytes, randomInt } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { SERVICE_NAMES } from '@nexus/contracts';
import { cannotContain, type Volume } from '../../tools/image/container.js';
import { containerConfig } from '../../tools/image/dockerfile.js';
import type { RedisServer } from '../../tools/verify/redis-server.js';
import { endsByItself, isNexus, readComposeFile, type Service, servicesOf } from '../compose/compose-file.js';
import {
  type Container,
  contained,
  Engine,
  layOutTree,
  NEXUS_UID,
  PATIENCE_MS,
  type Run,
  stages,
} from '../image/container.js';
import { sql } from '../support/sql.js';
import { until } from './support/conditions.js';
import { call, register } from './support/people.js';
import { openRedisCluster } from './support/redis.js';

/**
 * The profile `split` of docker-compose.yml with the images' trees: every container of the product with the environment,
 * the secrets and the volumes that the file gives it. What an engine adds is made up for by addresses: each container
 * has one of its own on the loopback network, and finds the others by their names.
 */
const engine = new Engine();
const app = join(engine.folder, 'app');
const certificatesApp = join(engine.folder, 'certificates-app');
const services = servicesOf(readComposeFile(), ['split']);
const database = `nexus_image_${randomBytes(6).toString('hex')}`;
const network = `127.${randomInt(64, 250)}.${randomInt(1, 250)}`;
const order = (name: string) => (SERVICE_NAMES as readonly string[]).indexOf(name);
const addressOf = (name: string) => `${network}.${order(name) + 1}`;
const hosts = Object.fromEntries(SERVICE_NAMES.map((name) => [name, addressOf(name)]));
const GATEWAY = `http://${addressOf('gateway')}:8080`;

let redis: RedisServer[] = [];
let secrets: Record<string, string>;
const volumes = new Map<string, Volume>();
const running = new Map<string, Container>();

/** What an engine makes of a volume when it is first mounted: it takes over the folders that the image has there. */
function volumeOf(name: string): Volume {
  const made = stages.find((stage) => stage.name === 'certificates')?.instructions.find((one) => one.name === 'RUN');
  const inner = [...(made?.text.matchAll(/\/certificates\/(\S+)/g) ?? [])].map(([, folder]) => folder as string);
  const volume = volumes.get(name) ?? engine.volume(name, {}, name === 'certificates' ? inner : []);
  volumes.set(name, volume);
  return volume;
}

/** A container of the file's, as the file describes it. */
function runOf(service: Service): Run {
  const mounts = service.volumes.map((text) => {
    const [name = '', place = '', mode] = text.split(':');
    return [place, { ...volumeOf(name), writable: mode !== 'ro' }] as const;
  });
  const files = Object.fromEntries(service.secrets.map((name) => [name, secrets[name] ?? '']));
  const given: Record<string, Volume> =
    service.secrets.length > 0 ? { '/run/secrets': engine.volume('secrets', files) } : {};
  const { REDIS_URL, ...environment } = service.environment;
  return {
    app,
    hosts,
    volumes: { ...Object.fromEntries(mounts), ...given },
    env: { ...environment, ...(REDIS_URL ? { REDIS_URL: redis.map(({ url }) => url).join(',') } : {}) },
    ...(service.command ? { command: service.command } : {}),
  };
}

function start(name: string): Container {
  const service = services[name] as Service;
  const run = runOf(service);
  const address = addressOf(name);
  const container = engine.run({ ...run, env: { ...run.env, HOST: address, MANAGEMENT_HOST: address } });
  running.set(name, container);
  return container;
}

async function isHealthy(name: string): Promise<boolean> {
  const container = running.get(name);
  if (container?.hasEnded) throw new Error(`${name} ended: ${container.said}`);
  const reply = await fetch(`http://${addressOf(name)}:9180/health/ready`).catch(() => undefined);
  await reply?.body?.cancel();
  return reply?.status === 200;
}

/** Why the listener of a service hangs up on whoever shows no certificate. */
function refusalOf(name: string): Promise<string> {
  const port = 8080 + order(name);
  return new Promise((resolve) => {
    const socket = connect({ host: addressOf(name), port, rejectUnauthorized: false });
    socket.once('secureConnect', () => socket.write('GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n'));
    socket.once('data', () => resolve('none: it answered'));
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.once('close', () => resolve('closed'));
  });
}

beforeAll(async () => {
  layOutTree(app);
  layOutTree(certificatesApp, '--certificates');
  await sql(`CREATE DATABASE ${database} TEMPLATE template0`);
  const url = new URL(process.env.NEXUS_TEST_DATABASE_URL as string);
  url.pathname = `/${database}`;
  const random = () => randomBytes(24).toString('hex');
  secrets = { 'database-url': `${url.href}\n`, 'auth-secret': random(), 'admin-password': random() };
  if (cannotContain() === undefined) redis = await openRedisCluster();
}, 2 * PATIENCE_MS);

afterAll(async () => {
  await engine.close();
  await Promise.all(redis.map((node) => node.stop()));
  await sql(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
}, PATIENCE_MS);

describe('the profile split, in containers of the images', () => {
  contained('what is done once before it does its work: certificates, and the schemas', async () => {
    const { certificates, migrate } = services as { certificates: Service; migrate: Service };
    const config = containerConfig(stages, 'certificates');
    const making = engine.run({ ...runOf(certificates), app: certificatesApp, config });
    expect({ code: await making.ended(), said: making.said }).toMatchObject({ code: 0 });
    // A volume for each: nobody who holds one sees another's key, or the authority's.
    const inside = (name: string) => readdirSync(volumes.get(name)?.folder ?? '').sort();
    for (const name of SERVICE_NAMES) {
      expect(inside(`certificate-${name}`)).toEqual(['cert.pem', 'key.pem']);
      const key = statSync(join(volumes.get(`certificate-${name}`)?.folder ?? '', 'key.pem'));
      expect([key.uid, key.mode & 0o777]).toEqual([NEXUS_UID, 0o600]);
    }
    expect(inside('certificate-authority')).toEqual(['root.pem']);
    const shown = volumes.get('certificates')?.folder ?? '';
    const files = readdirSync(shown, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile());
    expect(files.map((entry) => entry.name)).toEqual(['ca.pem']);
    expect(readFileSync(join(shown, 'ca.pem'), 'utf8')).not.toContain('PRIVATE KEY');

    const again = engine.run({ ...runOf(certificates), app: certificatesApp, config });
    expect(await again.ended()).toBe(0);
    expect(again.said).toBe(making.said);

    for (const said of [/^\S+/, /^The database is up to date\.$/m]) {
      const migrating = engine.run(runOf(migrate));
      expect({ code: await migrating.ended(), said: migrating.said }).toMatchObject({ code: 0 });
      expect(migrating.said).toMatch(said);
    }
  });

  contained('serves as one platform, and the services talk to nobody without a certificate', async () => {
    const behind = SERVICE_NAMES.filter((name) => name !== 'gateway');
    for (const name of behind) start(name);
    await until(async () => (await Promise.all(behind.map(isHealthy))).every(Boolean), 'the services are healthy');
    start('gateway');
    await until(() => isHealthy('gateway'), 'the gateway is healthy');

    const { token } = await register(GATEWAY);
    const project = await call<{ id: string }>(GATEWAY, 'POST', '/api/v1/projects', {
      token,
      body: { name: 'Apollo' },
    });
    expect(project.status).toBe(201);
    const form = new FormData();
    form.set('project_id', project.data.id);
    form.set('file', new Blob(['one small step']), 'step.txt');
    const file = await call<{ id: string }>(GATEWAY, 'POST', '/api/v1/files', { token, body: form });
    expect(file.status).toBe(201);
    const content = await fetch(`${GATEWAY}/api/v1/files/${file.data.id}/content`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(await content.text()).toBe('one small step');
    const admin = await call(GATEWAY, 'POST', '/api/v1/auth/login', {
      body: { email: 'admin@nexus.local', password: secrets['admin-password'] ?? '' },
    });
    expect(admin.status).toBe(200);
    await until(async () => {
      const { data } = await call<{ to: string }[]>(GATEWAY, 'GET', '/api/v1/notifications', { token });
      return data.length > 0;
    }, 'the welcome has arrived');
    expect((await Promise.all(redis.map((node) => node.cli('dbsize')))).map(Number).some((keys) => keys > 0)).toBe(
      true,
    );
    expect(readdirSync(volumes.get('files')?.folder ?? '')).toEqual(['objects']);

    for (const name of behind)
      expect({ name, refusal: await refusalOf(name) }).toEqual({
        name,
        refusal: 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
      });
  });

  contained('stops in order, the gateway first, each within its time', async () => {
    const [gateway, ...behind] = SERVICE_NAMES.map((name) => [name, running.get(name) as Container] as const);
    for (const group of [[gateway as (typeof behind)[number]], behind]) {
      const stops = await Promise.all(
        group.map(async ([name, container]) => ({
          name,
          ...(await container.stop()),
          said: container.said.slice(-400),
        })),
      );
      for (const { name, code, ms, said } of stops) {
        expect({ name, code, said }).toMatchObject({ name, code: 0 });
        expect(ms).toBeLessThan(Number(/^(\d+)s$/.exec(services[name]?.stop_grace_period ?? '')?.[1]) * 1_000);
      }
    }
  });

  contained('has a container here for every one of the product there', async () => {
    const there = Object.entries(services).filter(([, service]) => isNexus(service) && !endsByItself(service));
    expect(there.map(([name]) => name)).toEqual([...running.keys()].sort((a, b) => order(a) - order(b)));
  });
});
