import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { contextFilter } from '../../tools/image/context.js';
import { containerConfig } from '../../tools/image/dockerfile.js';
import { freePorts } from '../../tools/test/free-ports.js';
import {
  type Container,
  nexusConfig as config,
  contained,
  Engine,
  NEXUS_UID,
  PATIENCE_MS,
  ROOT,
  type Run,
  stages,
} from '../image/container.js';
import { sql } from '../support/sql.js';
import { until } from './support/conditions.js';
import { call, register, signIn } from './support/people.js';

/**
 * The image without an engine: what the Dockerfile builds is built of what .dockerignore lets in, laid out, and run with
 * the Dockerfile's own user, environment and command.
 */
/** It was 34 MB. A tenth on top is a package that somebody notices. */
const MOST_BYTES = 38_000_000;
/** Kubernetes is told of at least 31 s; nothing here waits for clients to go elsewhere. */
const MOST_STOP_MS = 10_000;

const engine = new Engine();
const { folder } = engine;
const app = join(folder, 'app');
const run = (given: Omit<Run, 'app'> & Partial<Run>): Container => engine.run({ app, ...given });

const filesBelow = (path: string): string[] =>
  readdirSync(path, { withFileTypes: true, recursive: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(path, join(entry.parentPath, entry.name)));

/** Copies what an engine is given; what is installed there is what is installed here. */
function copyContext(to: string): void {
  const isSent = contextFilter(readFileSync(join(ROOT, '.dockerignore'), 'utf8'));
  const copy = (path: string): void => {
    for (const entry of readdirSync(join(ROOT, path), { withFileTypes: true })) {
      const inner = path === '' ? entry.name : `${path}/${entry.name}`;
      if (['node_modules', '.git', 'dist', '.nexus', '.cache'].includes(entry.name)) continue;
      if (entry.isDirectory()) copy(inner);
      else if (isSent(inner)) {
        mkdirSync(dirname(join(to, inner)), { recursive: true });
        copyFileSync(join(ROOT, inner), join(to, inner));
      }
    }
  };
  copy('');
  symlinkSync(join(ROOT, 'node_modules'), join(to, 'node_modules'));
}

/** The command of the Dockerfile that lays out a tree. */
function layOut(context: string, image: string, to: string): string {
  const instruction = stages
    .find(({ name }) => name === 'build')
    ?.instructions.find(({ name, text }) => name === 'RUN' && text.includes(`"/image/${image}"`));
  const [, words] = (JSON.parse(instruction?.text ?? '[]') as string[]).join('\n').split(/(?=tools\/image\/build\.ts)/);
  if (words === undefined) throw new Error(`The Dockerfile lays out no ${image}`);
  const args = words.split('\n').map((word) => (word === `/image/${image}` ? to : word));
  return execFileSync(process.execPath, args, { cwd: context, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

function digest(path: string): string {
  const hash = createHash('sha256');
  for (const file of filesBelow(path).sort()) {
    const { mode, mtimeMs } = statSync(join(path, file));
    hash.update(`${file}\0${mode}\0${mtimeMs}\0`).update(readFileSync(join(path, file)));
  }
  return hash.digest('hex');
}

let said: string;

beforeAll(() => {
  const context = join(folder, 'context');
  copyContext(context);
  said = layOut(context, 'nexus', app);
  layOut(context, 'certificates', join(folder, 'certificates'));
}, 2 * PATIENCE_MS);

afterAll(() => engine.close(), PATIENCE_MS);

describe('the tree of the image', () => {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean; optional?: boolean }>;
  };
  const product = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    version: string;
    dependencies: Record<string, string>;
    optionalDependencies: Record<string, string>;
  };
  const shippedPackages = () =>
    filesBelow(app)
      .filter((path) => path.startsWith('node_modules/') && path.endsWith('/package.json'))
      .map(dirname)
      .filter((path) => packages[path] !== undefined);

  test('holds the product, what it serves, and its manifest', () => {
    expect(readdirSync(app).sort()).toEqual(['dist', 'docs', 'health.mjs', 'node_modules', 'package.json']);
    expect(filesBelow(join(app, 'docs'))).toEqual(['openapi.json']);
    expect(JSON.parse(readFileSync(join(app, 'package.json'), 'utf8'))).toMatchObject({
      name: 'nexus',
      version: product.version,
      type: 'module',
      dependencies: product.dependencies,
    });
  });

  test('holds every package that npm calls one of production, and no other', () => {
    // Type declarations have nothing to run.
    const needed = Object.entries(packages)
      .filter(([path, { dev, optional }]) => path !== '' && !dev && !optional && !/@types\/|\/undici-types$/.test(path))
      .map(([path]) => path);
    const shipped = shippedPackages();
    expect(shipped).toEqual(expect.arrayContaining(needed));
    expect(shipped.filter((path) => packages[path]?.dev)).toEqual([]);
    const native = `node_modules/@node-rs/argon2-${process.platform}-${process.arch}`;
    const more = shipped.filter((path) => !needed.includes(path) && !path.startsWith(native));
    expect(more).toEqual(['node_modules/pg-cloudflare']);
    expect(filesBelow(app).filter((path) => path.endsWith('.node'))).toHaveLength(1);
    // A Node and a PostgreSQL for machines that have none.
    for (const name of Object.keys(product.optionalDependencies))
      expect(existsSync(join(app, 'node_modules', name))).toBe(false);
  });

  test('holds no source, no map, no test and no tool', () => {
    const files = filesBelow(app);
    expect(files.filter((path) => /\.([mc]?ts|tsx|map)$/.test(path))).toEqual([]);
    expect(files.filter((path) => /\.(spec|test)\.[cm]?js$|\/__tests__\//.test(path))).toEqual([]);
    expect(files.filter((path) => /^(apps|libs|tools|test|bench)\//.test(path))).toEqual([]);
    expect(files.filter((path) => /^dist\/libs\/testing\//.test(path))).toEqual([]);
    expect(files.filter((path) => /(^|\/)\.[^/]+/.test(path))).toEqual([]);
    expect(files.filter((path) => /\.(pem|key|crt|p12)$/.test(path))).toEqual([]);
  });

  test('keeps the licences of what it holds', () => {
    const without = shippedPackages().filter(
      (path) => !readdirSync(join(app, path)).some((name) => /^(licen[cs]e|copying|notice)/i.test(name)),
    );
    const missing = without.filter((path) =>
      readdirSync(join(ROOT, path)).some((name) => /^(licen[cs]e|copying|notice)/i.test(name)),
    );
    expect(missing).toEqual([]);
  });

  test('says nothing of where it was built, and no private key', () => {
    for (const path of filesBelow(app)) {
      const text = readFileSync(join(app, path), 'latin1');
      const inside = [ROOT, folder].filter((place) => text.includes(place));
      expect({ path, inside }).toEqual({ path, inside: [] });
      expect({ path, key: /-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=\s]{64}/.test(text) }).toEqual({
        path,
        key: false,
      });
    }
  });

  test('is no larger than it was meant to be, and says so', () => {
    const bytes = filesBelow(app).reduce((sum, path) => sum + statSync(join(app, path)).size, 0);
    expect(bytes).toBeLessThan(MOST_BYTES);
    const count = shippedPackages().length;
    expect(said).toBe(`${count} packages, ${filesBelow(app).length} files, ${(bytes / 1e6).toFixed(1)} MB\n`);
  });

  test(
    'is the same whenever it is made, byte by byte',
    () => {
      const again = join(folder, 'again');
      layOut(join(folder, 'context'), 'nexus', again);
      expect(digest(again)).toBe(digest(app));
      rmSync(again, { recursive: true });
    },
    PATIENCE_MS,
  );
});

describe('a container of it', () => {
  const database = `nexus_image_${randomBytes(6).toString('hex')}`;
  const secrets = () => {
    const url = new URL(process.env.NEXUS_TEST_DATABASE_URL as string);
    url.pathname = `/${database}`;
    return engine.volume('secrets', {
      'database-url': `${url.href}\n`,
      'auth-secret': randomBytes(24).toString('hex'),
    });
  };

  beforeAll(() => sql(`CREATE DATABASE ${database} TEMPLATE template0`));
  afterAll(() => sql(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`));

  contained(
    'runs as process 1 of user 10001, serves, keeps files in its volume alone, and stops in order',
    async () => {
      const [port, managementPort] = (await freePorts(2)) as [number, number];
      const data = engine.volume('data');
      const url = `http://127.0.0.1:${port}`;
      const env = {
        PORT: String(port),
        MANAGEMENT_PORT: String(managementPort),
        PUBLIC_URL: url,
        DATABASE_URL_FILE: '/etc/nexus/secrets/database-url',
        AUTH_SECRET_FILE: '/etc/nexus/secrets/auth-secret',
      };
      const health = () => spawnSync(process.execPath, config.health.slice(1), { cwd: app, env }).status;
      expect(health()).toBe(1);
      const container = run({
        env,
        volumes: { '/var/lib/nexus': data, '/etc/nexus/secrets': secrets() },
      });
      await until(() => {
        if (container.hasEnded) throw new Error(`The container ended: ${container.said}`);
        return health() === 0;
      }, 'the container is healthy');

      const status = readFileSync(`/proc/${container.first}/status`, 'utf8');
      expect(status).toMatch(/^Name:\s+(node|MainThread)$/m);
      expect(status).toMatch(/^NSpid:.*\s1$/m);
      expect(status).toMatch(/^Uid:\s+10001\s+10001\s+10001\s+10001$/m);
      expect(status).toMatch(/^Gid:\s+10001\s+10001\s+10001\s+10001$/m);
      expect(status).toMatch(/^Groups:\s*$/m);
      for (const set of ['Prm', 'Eff', 'Bnd', 'Amb']) expect(status).toMatch(new RegExp(`^Cap${set}:\\s+0{16}$`, 'm'));
      expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
      expect(readFileSync(`/proc/${container.first}/cmdline`, 'utf8')).toContain('\0--max-old-space-size=384\0');

      const person = await register(url);
      const token = await signIn(url, person);
      const project = await call<{ id: string }>(url, 'POST', '/api/v1/projects', { token, body: { name: 'Apollo' } });
      expect(project.status).toBe(201);
      const form = new FormData();
      form.set('project_id', project.data.id);
      form.set('file', new Blob(['one small step']), 'step.txt');
      const file = await call<{ id: string }>(url, 'POST', '/api/v1/files', { token, body: form });
      expect(file.status).toBe(201);
      const content = await fetch(`${url}/api/v1/files/${file.data.id}/content`, {
        headers: { authorization: `Bearer ${token}` },
      });
      expect(await content.text()).toBe('one small step');
      for (const path of ['/docs', '/docs/assets/swagger-ui-bundle.js', '/api/v1/openapi.json'])
        expect({ path, status: (await fetch(url + path)).status }).toEqual({ path, status: 200 });
      expect((await fetch(`http://127.0.0.1:${managementPort}/metrics`)).status).toBe(200);

      const kept = filesBelow(data.folder);
      expect(kept.length).toBeGreaterThan(0);
      for (const path of kept) expect(statSync(join(data.folder, path)).uid).toBe(NEXUS_UID);

      const stop = await container.stop();
      expect({ ...stop, said: container.said.slice(-600) }).toMatchObject({ code: 0 });
      expect(stop.ms).toBeLessThan(MOST_STOP_MS);
      expect(health()).toBe(1);
    },
  );

  contained('can write to its volumes and to /tmp, and nowhere else', async () => {
    const attempt = `
      const { readdirSync, writeFileSync } = require('node:fs');
      const folders = ['/', '/app', '/app/dist/apps', '/app/node_modules', '/etc', '/dev', '/usr/local/bin',
        '/etc/nexus/secrets', '/proc/1', '/tmp', '/var/lib/nexus'];
      const outcome = (folder) => { try { writeFileSync(folder + '/written', ''); return 'written'; } catch { return 'refused'; } };
      console.log(JSON.stringify({ ...Object.fromEntries(folders.map((folder) => [folder, outcome(folder)])),
        root: readdirSync('/').sort() }));`;
    const container = run({
      config: { ...config, entrypoint: ['node'] },
      command: ['-e', attempt],
      volumes: {
        '/var/lib/nexus': engine.volume('data'),
        '/etc/nexus/secrets': engine.volume('secrets', { one: '1' }),
      },
    });
    expect(await container.ended()).toBe(0);
    const { root, ...outcomes } = JSON.parse(container.said) as Record<string, unknown>;
    expect(outcomes).toEqual({
      ...Object.fromEntries(
        ['/', '/app', '/app/dist/apps', '/app/node_modules', '/etc', '/dev', '/usr/local/bin'].map((place) => [
          place,
          'refused',
        ]),
      ),
      '/etc/nexus/secrets': 'refused',
      '/proc/1': 'refused',
      '/tmp': 'written',
      '/var/lib/nexus': 'written',
    });
    // There is nothing to be found besides: no checkout, no home, no shell.
    expect((root as string[]).filter((name) => !/^lib/.test(name))).toEqual([
      ...['app', 'dev', 'etc', 'proc', 'tmp', 'usr', 'var'],
    ]);
  });

  contained('says in a sentence what is missing, and ends with 1', async () => {
    const container = run({ command: ['--target=all', '--check-config'] });
    expect(await container.ended()).toBe(1);
    expect(container.said).toContain('DATABASE_URL');
    expect(container.said).not.toContain('    at ');
  });
});

describe('a container that makes certificates', () => {
  contained('gives each service a folder of its own, for the same user', async () => {
    const target = engine.volume('certificates');
    const container = run({
      config: containerConfig(stages, 'certificates'),
      app: join(folder, 'certificates'),
      volumes: { '/certificates': target },
    });
    expect({ code: await container.ended(), said: container.said }).toMatchObject({ code: 0 });
    for (const service of ['gateway', 'auth', 'user', 'project', 'file', 'notification']) {
      expect(container.said).toContain(`spiffe://nexus.local/ns/local/sa/${service} `);
      const key = statSync(join(target.folder, service, 'key.pem'));
      expect([key.uid, key.mode & 0o777]).toEqual([NEXUS_UID, 0o600]);
    }
    expect(readFileSync(join(target.folder, 'ca.pem'), 'utf8')).toContain('BEGIN CERTIFICATE');
  });
});
