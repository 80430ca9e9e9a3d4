import { describe, expect, it } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { z } from 'zod';
import type { Slice } from '../slice.ts';
import { chartPlatform, type DeclaredService } from './chart-platform.ts';
import { chartFiles } from './charts.ts';
import { configGroup } from './config-values.ts';
import { schemaFile } from './schema-file.ts';
import { valuesFile } from './values-file.ts';
import { count, group, overrides, rowsOf, schemaOf, text } from './values-tree.ts';

const TRUST = { name: 'trust' };
const USERS = { name: 'users' };

const number = (byDefault: string) => z.string().default(byDefault).transform(Number);
const platformSlice = {
  name: 'platform',
  fields: {
    PORT: { schema: number('8080'), description: 'Port.' },
    DATABASE_URL: { schema: z.string().optional(), description: 'Database.', secret: true },
    LOG_LEVEL: { schema: z.enum(['info', 'warn']).default('info'), description: 'Level.' },
    RATE_LIMIT_ANONYMOUS: { schema: number('1'), description: 'Tier.' },
    RATE_LIMIT_USER: { schema: number('1'), description: 'Tier.' },
    RATE_LIMIT_ADMIN: { schema: number('1'), description: 'Tier.' },
    RATE_LIMIT_WINDOW_SECONDS: { schema: number('1'), description: 'Window.' },
    CACHE_L1_ENTRIES: { schema: number('1'), description: 'Entries.' },
    CACHE_L1_TTL_SECONDS: { schema: number('1'), description: 'Seconds.' },
    CACHE_L2_TTL_SECONDS: { schema: number('1'), description: 'Seconds.' },
  },
} as unknown as Slice;
const authSlice = {
  name: 'auth',
  fields: {
    AUTH_SECRET: { schema: z.string(), description: 'Secret.', secret: true },
    LOGIN_FAILURES: { schema: number('10'), description: 'Failures | window.' },
  },
} as unknown as Slice;

const service = (declared: Partial<DeclaredService> & Pick<DeclaredService, 'name' | 'port'>): DeclaredService => ({
  provides: [],
  needs: [],
  egress: [],
  config: [],
  ...declared,
});

const catalog = [
  service({ name: 'gateway', port: 8080, egress: [{ to: 'redis' }] }),
  service({
    name: 'auth',
    port: 8081,
    provides: [{ port: TRUST }],
    needs: [USERS],
    database: {},
    egress: [{ to: 'postgres' }],
    config: [platformSlice, authSlice],
  }),
  service({ name: 'user', port: 8082, provides: [{ port: USERS }], needs: [USERS], egress: [{ to: 'postgres' }] }),
];
const platform = chartPlatform('1.2.3', catalog, [platformSlice], TRUST);

describe('the platform as charts see it', () => {
  it('calls what provides a need, and whoever is trusted; the edge calls all', () => {
    const calls = Object.fromEntries(platform.services.map((known) => [known.name, known.calls]));
    expect(calls).toEqual({ gateway: ['auth', 'user'], auth: ['user'], user: ['auth'] });
    expect(platform.services.map(({ database }) => database)).toEqual([false, true, false]);
    expect(platform.services[1]?.slices).toEqual([authSlice]);
  });

  it('is not made where nobody provides a need', () => {
    const alone = [service({ name: 'user', port: 8082, needs: [USERS] })];
    expect(() => chartPlatform('1.2.3', alone, [], USERS)).toThrow('no provider');
  });
});

describe('settings that a chart offers', () => {
  it('are neither secrets nor what templates make, and have the form of their variable', () => {
    const { properties } = schemaOf(configGroup('Settings.', [platformSlice, authSlice]), true);
    expect(Object.keys(properties as object)).not.toEqual(expect.arrayContaining(['PORT']));
    expect(properties).toMatchObject({
      LOG_LEVEL: { type: 'string', enum: ['info', 'warn'] },
      LOGIN_FAILURES: { type: 'integer' },
    });
    expect(properties).not.toHaveProperty('AUTH_SECRET');
    expect(properties).not.toHaveProperty('DATABASE_URL');
  });

  it('are set to nothing that the product refuses, or does not know', () => {
    expect(() => configGroup('', [platformSlice], { LOG_LEVEL: 'loud' })).toThrow('loud is no value');
    expect(() => configGroup('', [platformSlice], { AUTH_SECRET: 'x' })).toThrow('AUTH_SECRET is no variable');
  });
});

describe('generated chart files', () => {
  const files = chartFiles(platform);
  const charts = ['nexus-lib', 'nexus', 'gateway', 'auth', 'user'];

  it.each(charts)('%s: its values fit its schema, which takes nothing else', (chart) => {
    const validate = new Ajv2020({ strict: false, inlineRefs: false }).compile(
      JSON.parse(files[`helm/${chart}/values.schema.json`] ?? ''),
    );
    const values = parse(files[`helm/${chart}/values.yaml`] ?? '');
    expect(validate(values)).toBe(true);
    expect(validate({ ...values, bogus: 1 })).toBe(false);
    if (values.global) expect(validate({ ...values, global: { ...values.global, environment: 'qa' } })).toBe(false);
  });

  it('name what the library needs of each service', () => {
    const [, yaml = ''] = /define "nexus-lib\.platform" -\}\}\n([\s\S]*)\{\{- end/.exec(
      files['helm/nexus-lib/templates/_platform.tpl'] ?? '',
    ) as RegExpExecArray;
    expect(parse(yaml)).toMatchObject({
      services: { auth: { port: 8081, portName: 'https', calls: ['user'], callers: ['gateway', 'user'] } },
      monolith: { port: 8080, portName: 'http', database: true, egress: ['redis', 'postgres'] },
    });
    expect(parse(files['helm/nexus/Chart.yaml'] ?? '')).toMatchObject({ version: '1.2.3', appVersion: '1.2.3' });
  });
});

describe('a tree of values', () => {
  const tree = group('All.', {
    name: text('A name that is described | at length.', 'x'),
    own: overrides('Instead.', { size: count('How many.', 3, 1) }),
  });

  it('is written with its comments, without what is not set', () => {
    const written = valuesFile('About.', { tree });
    expect(parse(written)).toEqual({ tree: { name: 'x', own: {} } });
    expect(written).toContain('  # A name that is described | at length.\n  name: x\n');
  });

  it('wants what is set by default, and nothing of what is not', () => {
    expect(schemaOf(tree, true)).toMatchObject({ required: ['name', 'own'], additionalProperties: false });
    expect(schemaOf(tree, false)).not.toHaveProperty('required');
    expect(schemaOf(tree, true)).not.toHaveProperty('properties.own.required');
  });

  it('has a row for everything, and defaults for what is set', () => {
    expect(rowsOf(tree, '')).toEqual([
      { path: 'name', about: 'A name that is described | at length.', byDefault: 'x' },
      { path: 'own', about: 'Instead.' },
      { path: 'own.size', about: 'How many.' },
    ]);
  });

  it('keeps short lists on one line, as the formatter does', () => {
    const long = Array.from({ length: 12 }, (_, i) => `something-${i}`);
    expect(schemaFile({ enum: ['a', 'b'] })).toContain('\n  "enum": ["a", "b"]\n');
    expect(schemaFile({ enum: long })).toContain('"enum": [\n    "something-0",\n');
  });
});
