import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { compose, loadProcessConfig } from '@nexus/bootstrap';
import { type Config, packageVersion, readFlags } from '@nexus/config';
import { SERVICE_NAMES } from '@nexus/contracts';
import { parse } from 'yaml';
import { catalog } from '../../apps/catalog.js';
import { containerConfig, readDockerfile } from '../../tools/image/dockerfile.js';
import { endsByItself, interpolate, isNexus, ROOT, readComposeFile, type Service, servicesOf } from './compose-file.js';

const file = readComposeFile();
const all = Object.entries(file.services);
const PROFILES = ['default', 'split', 'mail', 'observability', 'vault'];
/** What people start together. */
const SETS = [...PROFILES, ...['default', 'split'].map((shape) => [shape, ...PROFILES.slice(2)].join(' '))];

const secrets = mkdtempSync(join(tmpdir(), 'nexus-compose-'));
const makeSecrets = () => execFileSync('sh', [join(ROOT, 'deploy/compose/secrets.sh'), secrets], { encoding: 'utf8' });
let made: string;

beforeAll(() => {
  made = makeSecrets();
});
afterAll(() => rmSync(secrets, { recursive: true, force: true }));

const seconds = (duration: string | undefined) => Number(/^(\d+)s$/.exec(duration ?? '')?.[1]);
const hostPorts = (services: readonly Service[]) =>
  services.flatMap(({ ports }) => ports.map((port) => port.split(':')[1]));

describe('docker-compose.yml', () => {
  test('has the profiles it is meant to have, and runs one process when none is asked for', () => {
    expect([...new Set(all.flatMap(([, { profiles }]) => profiles))].sort()).toEqual([...PROFILES].sort());
    const settings = readFileSync(join(ROOT, '.env'), 'utf8').replace(/^#.*\n/gm, '');
    expect(settings).toBe('COMPOSE_PROFILES=default\n');
    expect(Object.keys(servicesOf(file, ['default'])).sort()).toEqual(['migrate', 'nexus', 'postgres']);
  });

  test('its first lines name only what is there', () => {
    const [head = ''] = readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8').split(/^name:/m, 1);
    for (const [, profile] of head.matchAll(/--profile (\S+)/g)) expect(PROFILES).toContain(profile);
    for (const [, path = ''] of head.matchAll(/\bsh (\S+)/g)) expect(existsSync(join(ROOT, path))).toBe(true);
    for (const [, name = ''] of head.matchAll(/--wait ([a-z]+)/g)) expect(file.services[name]).toBeDefined();
    for (const [, name = ''] of head.matchAll(/\.nexus\/compose\/([a-z-]+)/g)) expect(file.secrets[name]).toBeDefined();
    for (const [, host = ''] of head.matchAll(/smtp:\/\/([a-z]+):/g)) expect(file.services[host]).toBeDefined();
    for (const profile of PROFILES) expect(head).toMatch(new RegExp(`^# +${profile} {2,}\\S`, 'm'));
  });

  test.each(SETS)('%s: what a service waits for is started with it, and ends or is healthy', (set) => {
    const services = servicesOf(file, set.split(' '));
    for (const [name, { depends_on }] of Object.entries(services)) {
      for (const [needed, { condition }] of Object.entries(depends_on)) {
        const target = services[needed];
        expect({ name, needed, isThere: target !== undefined }).toMatchObject({ isThere: true });
        const ends = target !== undefined && endsByItself(target);
        expect({ name, needed, condition }).toEqual({
          ...{ name, needed },
          condition: ends ? 'service_completed_successfully' : 'service_healthy',
        });
      }
    }
    // Whatever waits can be started once what it waits for is there: nobody waits in a circle.
    const started = new Set<string>();
    const waiting = new Map(Object.entries(services));
    for (let before = -1; before !== started.size; ) {
      before = started.size;
      for (const [name, { depends_on }] of waiting) {
        if (Object.keys(depends_on).every((needed) => started.has(needed))) started.add(name);
      }
    }
    expect([...started].sort()).toEqual([...waiting.keys()].sort());
  });

  test.each(SETS)('%s: no port is taken twice', (set) => {
    const ports = hostPorts(Object.values(servicesOf(file, set.split(' '))));
    expect(ports).toEqual([...new Set(ports)]);
  });

  test.each(all)('%s: has an exact image, a health check, limits, and no port that others reach', (name, service) => {
    const { image, build, healthcheck, ports, security_opt, logging } = service;
    expect(image).toMatch(/^[a-z0-9./-]+:(v?\d+\.\d+(\.\d+)?|RELEASE\.\d{4}(-\d\d){2}T\d\d(-\d\d){2}Z)$/);
    if (build) expect(image).toMatch(new RegExp(`^nexus(-${build.target})?:${packageVersion}$`));
    expect({ name, isChecked: !('disable' in healthcheck) }).toEqual({ name, isChecked: !endsByItself(service) });
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
    expect(security_opt).toContain('no-new-privileges:true');
    expect(logging.options['max-size']).toMatch(/^\d+m$/);
  });

  test('names no volume and no secret that it does not use, and uses none that it does not name', () => {
    const named = (kind: (service: Service) => readonly string[]) =>
      [...new Set(all.flatMap(([, s]) => kind(s)))].sort();
    const sources = named(({ volumes }) => volumes.map((volume) => volume.split(':')[0] as string));
    expect(sources.filter((source) => !source.startsWith('.'))).toEqual(Object.keys(file.volumes).sort());
    for (const source of sources.filter((path) => path.startsWith('.')))
      expect(statSync(join(ROOT, source)).isFile()).toBe(true);
    for (const [, { volumes }] of all)
      for (const volume of volumes.filter((v) => v.startsWith('.'))) expect(volume).toMatch(/:ro$/);
    expect(named((service) => service.secrets)).toEqual(Object.keys(file.secrets).sort());
  });

  test.each(all)('%s: holds no secret; the files it is told of are those it is given', (name, service) => {
    const words = Object.entries(service.environment);
    for (const [variable, value] of words) {
      const isFile = /_FILE$/.test(variable);
      if (/PASSWORD|SECRET|TOKEN|PRIVATE/.test(variable))
        expect({ name, variable, isFile }).toMatchObject({ isFile: true });
      expect(value).not.toMatch(/:\/\/[^/]*:[^/]*@/);
    }
    const told = words.flatMap(([, value]) => /^\/run\/secrets\/(.+)$/.exec(value)?.[1] ?? []);
    expect(told.sort()).toEqual([...service.secrets].sort());
  });

  test('is taken by Compose itself, where there is one', () => {
    if (spawnSync('docker', ['compose', 'version']).status !== 0) return;
    for (const set of SETS) {
      const profiles = set.split(' ').flatMap((profile) => ['--profile', profile]);
      const args = ['compose', ...profiles, 'config', '--format', 'json'];
      const { services } = JSON.parse(execFileSync('docker', args, { cwd: ROOT, encoding: 'utf8' }));
      expect(Object.keys(services).sort()).toEqual(Object.keys(servicesOf(file, set.split(' '))).sort());
    }
  });
});

describe('variables', () => {
  // Written with a # for the dollar, which a string of this language would be taken for a placeholder with.
  const dollars = (text: string) => text.replaceAll('#', '$');

  test.each([
    ['#{A}', 'one'],
    ['#{A:-two}', 'one'],
    ['#{B:-two}', 'two'],
    ['#{B:-x#{C:-#{A}}y}', 'xoney'],
    ['#{EMPTY:-two}', 'two'],
    ['#{B}', ''],
    ['##?', '#?'],
  ])('%s', (text, value) => {
    expect(interpolate(dollars(text), { A: 'one', EMPTY: '' })).toBe(dollars(value));
  });

  test.each(['#{B:?set B}', '#A', '#{B', '#{b-c}'])('%s is refused', (text) => {
    expect(() => interpolate(dollars(text), {})).toThrow();
  });
});

describe('the secrets', () => {
  test('are made by the script, each of its own, and stay', () => {
    expect(readdirSync(secrets).sort()).toEqual(Object.keys(file.secrets).sort());
    for (const [name, { file: path }] of Object.entries(file.secrets)) expect(path).toBe(`.nexus/compose/${name}`);
    expect(made.trim().split('\n').sort()).toEqual(
      Object.keys(file.secrets)
        .sort()
        .map((name) => join(secrets, name)),
    );
    const read = () => Object.keys(file.secrets).map((name) => readFileSync(join(secrets, name), 'utf8').trim());
    const values = read();
    expect(new Set(values).size).toBe(values.length);
    for (const value of values) expect(value).toMatch(/[0-9a-f]{48}/);
    expect(makeSecrets()).toBe('');
    expect(read()).toEqual(values);
  });

  test('are closed to others as a folder, and open to whoever is let in', () => {
    expect(statSync(secrets).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(secrets)) expect(statSync(join(secrets, name)).mode & 0o777).toBe(0o444);
  });

  test('give the database the password that the services have', () => {
    const url = new URL(readFileSync(join(secrets, 'database-url'), 'utf8').trim());
    const { POSTGRES_USER, POSTGRES_DB } = file.services.postgres?.environment ?? {};
    const password = readFileSync(join(secrets, 'postgres-password'), 'utf8').trim();
    expect([url.username, url.password, url.host, url.pathname]).toEqual([
      ...[POSTGRES_USER, password, 'postgres:5432', `/${POSTGRES_DB}`],
    ]);
  });

  test('lie where they are not committed', () => {
    expect(readFileSync(join(ROOT, '.gitignore'), 'utf8').split('\n')).toContain('.nexus/');
  });
});

describe('the containers of the product', () => {
  const image = containerConfig(readDockerfile(readFileSync(join(ROOT, 'Dockerfile'), 'utf8')), 'nexus');
  const PEM = '-----BEGIN CERTIFICATE-----\n';
  /** The environments that a person may ask for, and what each asks of the person. */
  const ENVIRONMENTS: readonly Record<string, string>[] = [
    {},
    { NEXUS_ENV: 'staging', SMTP_URL: 'smtp://mail:1025', PUBLIC_URL: 'https://nexus.example' },
    { NEXUS_ENV: 'production', SMTP_URL: 'smtps://mail.example:465', PUBLIC_URL: 'https://nexus.example' },
  ];
  const nexus = all.filter(([, service]) => isNexus(service));
  const built = all.filter(([, { build }]) => build !== undefined);

  /** What the process in a container reads, with files of this machine in place of those of the container. */
  function environmentOf({ environment }: Service): Record<string, string> {
    const pem = join(secrets, 'any.pem');
    writeFileSync(pem, PEM);
    const here = (value: string) =>
      value.startsWith('/etc/nexus/') ? pem : value.replace(/^\/run\/secrets\//, `${secrets}/`);
    return Object.fromEntries(Object.entries({ ...image.env, ...environment }).map(([k, v]) => [k, here(v)]));
  }

  function configOf(service: Service): Config {
    const { targets } = readFlags(service.command ?? []);
    return loadProcessConfig(compose(targets, catalog).services, environmentOf(service));
  }

  afterAll(() => rmSync(join(secrets, 'any.pem'), { force: true }));

  test('are one for all, or one for each service', () => {
    const running = (profile: string) =>
      Object.entries(servicesOf(file, [profile])).filter(([, service]) => isNexus(service) && !endsByItself(service));
    expect(running('default').map(([name, { command }]) => [name, command])).toEqual([['nexus', ['--target=all']]]);
    expect(running('split').map(([name, { command }]) => [name, command])).toEqual(
      SERVICE_NAMES.map((name) => [name, [`--target=${name}`]]),
    );
  });

  test.each(nexus)('%s: has a configuration that the process takes, in every environment', (name) => {
    for (const env of ENVIRONMENTS) {
      const service = readComposeFile(env).services[name] as Service;
      expect(() => configOf(service)).not.toThrow();
    }
  });

  test.each(nexus)('%s: is told nothing that the process does not read', (_, service) => {
    const read = Object.keys(configOf(service).masked());
    for (const variable of Object.keys(service.environment)) expect(read).toContain(variable.replace(/_FILE$/, ''));
  });

  test('say which setting is missing when one is', () => {
    const { auth, notification } = readComposeFile({ NEXUS_ENV: 'production' }).services;
    expect(() => configOf(notification as Service)).toThrow('SMTP_URL');
    const { AUTH_SECRET_FILE: _, ...environment } = auth?.environment ?? {};
    expect(() => configOf({ ...(auth as Service), environment })).toThrow('AUTH_SECRET');
  });

  test.each(nexus)('%s: runs as the image is meant to', (_, service) => {
    expect(service.command?.join(' ')).toMatch(/^--target=[a-z]+( --migrate)?$/);
    if ('test' in service.healthcheck) expect(service.healthcheck.test).toEqual(['CMD', ...image.health]);
    // Drain, idle and timeout at their defaults.
    expect(seconds(service.stop_grace_period)).toBeGreaterThanOrEqual(2 + 6 + 8 + 5);
  });

  test.each(
    built,
  )('%s: is closed: another user, nothing to write to, no rights, its share of the machine', (_, service) => {
    expect(service).toMatchObject({
      user: '10001:10001',
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      mem_limit: '512m',
      cpus: 0.5,
    });
    expect(service.user).toBe(image.user);
    expect(service.tmpfs).toEqual([expect.stringMatching(/^\/tmp:size=\d+m,/)]);
  });

  test('hold a secret only where it is used', () => {
    const holders = (secret: string) =>
      nexus.flatMap(([name, { secrets: own }]) => (own.includes(secret) ? [name] : []));
    expect(holders('auth-secret').sort()).toEqual(['auth', 'migrate', 'nexus']);
    expect(holders('admin-password').sort()).toEqual(['auth', 'migrate', 'nexus']);
    expect(holders('database-url')).not.toContain('gateway');
    const key = (service: string) => `certificate-${service}:`;
    for (const [name, { volumes }] of Object.entries(servicesOf(file, ['split'])))
      for (const service of SERVICE_NAMES.filter((other) => volumes.some((volume) => volume.startsWith(key(other)))))
        expect([service, 'certificates']).toContain(name);
  });

  test('find each other, and Redis, where these are', () => {
    const services = servicesOf(file, ['split']);
    for (const name of SERVICE_NAMES) {
      const { environment = {}, volumes = [] } = services[name] ?? {};
      for (const definition of catalog.filter((other) => other.name !== 'gateway'))
        expect(environment[`NEXUS_${definition.name.toUpperCase()}_URL`]).toBe(
          `https://${definition.name}:${definition.port}`,
        );
      for (const url of (environment.REDIS_URL ?? '').split(','))
        expect(services[/^redis:\/\/([^:]+):6379$/.exec(url)?.[1] ?? '']?.command).toContain('--cluster-enabled');
      expect(volumes).toContain(`certificate-${name}:/etc/nexus/tls:ro`);
      expect(volumes).toContain('certificates:/etc/nexus/ca:ro');
      expect(environment).toMatchObject({
        TLS_CERT_FILE: '/etc/nexus/tls/cert.pem',
        TLS_KEY_FILE: '/etc/nexus/tls/key.pem',
        TLS_CA_FILE: '/etc/nexus/ca/ca.pem',
      });
    }
    expect(services['redis-cluster']?.command?.slice(2)).toEqual(
      (services.gateway?.environment.REDIS_URL ?? '').split(',').map((url) => url.replace('redis://', '')),
    );
  });

  test('keep files in one place, whichever shape runs', () => {
    const keepers = nexus.filter(([, { volumes }]) => volumes.includes('files:/var/lib/nexus')).map(([name]) => name);
    expect(keepers).toEqual(['nexus', 'file']);
    expect(image.env.NEXUS_DATA_DIR).toBe('/var/lib/nexus');
  });

  test('leave the database connections enough, in every environment', () => {
    const [, most] = /^max_connections=(\d+)$/.exec(file.services.postgres?.command?.at(-1) ?? '') ?? [];
    const pools = SERVICE_NAMES.filter((name) => file.services[name]?.secrets.includes('database-url')).length * 30;
    expect(pools).toBe(150);
    expect(Number(most)).toBeGreaterThanOrEqual(pools + 30 + 10);
  });
});

describe('what observes them', () => {
  test('looks at every process of the product, on its management port', () => {
    const { scrape_configs } = parse(readFileSync(join(ROOT, 'deploy/prometheus/prometheus.yml'), 'utf8'));
    const [{ names, port }] = scrape_configs[0].dns_sd_configs;
    const running = all.filter(([, service]) => isNexus(service) && !endsByItself(service));
    expect(names).toEqual(running.map(([name]) => name));
    expect(port).toBe(9180);
  });

  test('is found by the dashboards', () => {
    const { datasources } = parse(readFileSync(join(ROOT, 'deploy/grafana/datasources.yml'), 'utf8'));
    for (const { url } of datasources)
      expect(file.services[new URL(url).hostname]?.profiles).toEqual(['observability']);
  });
});
