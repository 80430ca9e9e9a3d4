/** docker-compose.yml, read as Compose reads it: merged, its variables replaced, and nothing in it that is not known. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

export const ROOT = resolve(import.meta.dirname, '../..');

const duration = z.string().regex(/^\d+(ms|s|m|h)$/);
const size = z.string().regex(/^\d+[kmg]$/);
const word = z.string();

const dependency = z.strictObject({
  condition: z.enum(['service_healthy', 'service_completed_successfully']),
});

const healthcheck = z.union([
  z.strictObject({ disable: z.literal(true) }),
  z.strictObject({
    test: z.tuple([z.enum(['CMD', 'CMD-SHELL']), word], word),
    interval: duration,
    timeout: duration,
    retries: z.int().positive(),
    start_period: duration.optional(),
    start_interval: duration.optional(),
  }),
]);

const service = z.strictObject({
  image: word,
  build: z.strictObject({ context: word, target: word }).optional(),
  profiles: z.array(word).min(1),
  user: word.optional(),
  entrypoint: z.array(word).optional(),
  command: z.array(word).optional(),
  environment: z.record(word, word).default({}),
  secrets: z.array(word).default([]),
  volumes: z.array(word).default([]),
  ports: z.array(word).default([]),
  depends_on: z.record(word, dependency).default({}),
  healthcheck,
  read_only: z.boolean().default(false),
  tmpfs: z.array(word).default([]),
  cap_drop: z.array(word).default([]),
  security_opt: z.array(word),
  mem_limit: size,
  shm_size: size.optional(),
  cpus: z.number().optional(),
  pids_limit: z.int().optional(),
  restart: z.enum(['unless-stopped', 'no']),
  stop_grace_period: duration.optional(),
  logging: z.strictObject({ driver: word, options: z.record(word, word) }),
});

const file = z.strictObject({
  name: word,
  services: z.record(word, service),
  secrets: z.record(word, z.strictObject({ file: word })),
  volumes: z.record(word, z.null()),
});

export type Service = z.output<typeof service>;
export type ComposeFile = z.output<typeof file>;

/** What stands for a variable: `${A}`, `${A:-else}`, `${A:?sentence}`; `$$` is a dollar. */
export function interpolate(text: string, env: Readonly<Record<string, string>>): string {
  let out = '';
  for (let at = 0; at < text.length; ) {
    if (text[at] !== '$') out += text[at++];
    else if (text[at + 1] === '$') {
      out += '$';
      at += 2;
    } else {
      const end = closing(text, at);
      out += variable(text.slice(at + 2, end), env);
      at = end + 1;
    }
  }
  return out;
}

/** Where the brace that opens after a dollar is closed; a default may hold variables itself. */
function closing(text: string, start: number): number {
  if (text[start + 1] !== '{') throw new Error(`a dollar that stands for nothing: ${text}`);
  let depth = 0;
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '{') depth += 1;
    else if (text[at] === '}' && --depth === 0) return at;
  }
  throw new Error(`a brace is not closed: ${text}`);
}

function variable(expression: string, env: Readonly<Record<string, string>>): string {
  const [, name = '', form, rest = ''] = /^([A-Z][A-Z0-9_]*)(?:(:-|:\?)([\s\S]*))?$/.exec(expression) ?? [];
  if (name === '') throw new Error(`no form of Compose's: ${expression}`);
  const value = env[name];
  if (value) return value;
  if (form === ':?') throw new Error(rest);
  return form === ':-' ? interpolate(rest, env) : '';
}

function interpolateAll(value: unknown, env: Readonly<Record<string, string>>): unknown {
  if (typeof value === 'string') return interpolate(value, env);
  if (Array.isArray(value)) return value.map((item) => interpolateAll(item, env));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, interpolateAll(inner, env)]));
}

/** @param env of the person who starts it @throws z.ZodError naming what is not known, or not as it has to be */
export function readComposeFile(env: Readonly<Record<string, string>> = {}): ComposeFile {
  const text = readFileSync(resolve(ROOT, 'docker-compose.yml'), 'utf8');
  const parsed = parse(text, { merge: true, uniqueKeys: true }) as Record<string, unknown>;
  // Compose itself leaves these out.
  const own = Object.fromEntries(Object.entries(parsed).filter(([name]) => !name.startsWith('x-')));
  return file.parse(interpolateAll(own, env));
}

/** What is started when these profiles are asked for. */
export function servicesOf({ services }: ComposeFile, profiles: readonly string[]): Record<string, Service> {
  const isPicked = (candidate: Service) => candidate.profiles.some((profile) => profiles.includes(profile));
  return Object.fromEntries(Object.entries(services).filter(([, candidate]) => isPicked(candidate)));
}

/** Whether it runs the product's image. */
export const isNexus = ({ build }: Service): boolean => build?.target === 'nexus';

/** Whether it does its work and ends. */
export const endsByItself = ({ restart }: Service): boolean => restart === 'no';
