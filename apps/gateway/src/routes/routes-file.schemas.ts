import { z } from 'zod';
import { isFreeAnswerField, isFreeOperationField, isFreeRequestField } from './field-names.js';

const MIB = 1024 * 1024;
const MAX_CHANGES = 64;
/** Routes of one file. */
export const MAX_ROUTES = 10_000;

const fieldValue = z
  .string()
  .max(4_096)
  .regex(/^([!-~]([\t -~]*[!-~])?)?$/, 'must be printable ASCII without blanks around it');
const queryName = z.string().min(1).max(128);
const queryValue = z.string().max(4_096);
/** `a.b.c`: names of object members, the outermost first. */
const bodyPath = z
  .string()
  .max(256)
  .refine(
    (path) =>
      path.split('.').every((name) => name !== '' && !['__proto__', 'constructor', 'prototype'].includes(name)) &&
      path.split('.').length <= 16,
    'must be names separated by dots',
  );

/** What is set, removed and renamed; in the order rename, remove, set. */
function changes<N extends z.ZodType<string, string>, V extends z.ZodType>(name: N, value: V) {
  const few = (count: number) => count <= MAX_CHANGES;
  return z
    .strictObject({
      rename: z.record(name, name).refine((all) => few(Object.keys(all).length), `must be at most ${MAX_CHANGES}`),
      remove: z.array(name).max(MAX_CHANGES),
      set: z.record(name, value).refine((all) => few(Object.keys(all).length), `must be at most ${MAX_CHANGES}`),
    })
    .partial();
}

const fieldName = (isFree: (name: string) => boolean) =>
  z.string().refine(isFree, 'must be a header name that is free to change');

const requestFields = changes(fieldName(isFreeRequestField), fieldValue);
const operationFields = changes(fieldName(isFreeOperationField), fieldValue);
const answerFields = changes(fieldName(isFreeAnswerField), fieldValue);

const timeoutMs = z.int().min(1).max(3_600_000);
const retryAfterSeconds = z.int().min(1).max(86_400);

/** What is served otherwise than an operation of the platform declares. */
export const declaredOperation = z.strictObject({
  timeout_ms: timeoutMs.optional(),
  body_bytes: z.int().min(1).optional(),
  off: z
    .discriminatedUnion('status', [
      z.strictObject({ status: z.literal(404) }),
      z.strictObject({ status: z.literal(503), retry_after_seconds: retryAfterSeconds.default(60) }),
    ])
    .optional(),
  request: z.strictObject({ headers: operationFields }).partial().optional(),
});

function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, pathname, search, hash, username, password } = new URL(text);
  if (protocol !== 'http:' && protocol !== 'https:') return false;
  return pathname === '/' && `${search}${hash}${username}${password}` === '' && !/[?#@]/.test(text);
}

const path = z
  .string()
  .max(512)
  .regex(/^(\/([A-Za-z0-9._~-]+|\{[a-z_]+\}))+(\/\*|\/)?$/, 'must be a path such as /weather/{city}/*')
  .refine((text) => !/\/\.{1,2}(\/|$)/.test(text), 'must not have dot segments')
  .refine((text) => text.split('/').length <= 33, 'must have at most 32 segments');

/** A route to servers outside the platform. */
export const declaredRoute = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9]+([-_][a-z0-9]+)*$/, 'must be lower-case words joined by hyphens')
    .max(64),
  path,
  methods: z
    .array(z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']))
    .min(1)
    .refine((list) => new Set(list).size === list.length, 'must not repeat')
    .default(['GET']),
  upstreams: z
    .array(z.string().refine(isOrigin, 'must be an address such as https://weather.example.com, without a path'))
    .min(1)
    .max(32)
    .transform((list) => [...new Set(list.map((url) => new URL(url).origin))]),
  strip_prefix: z.string().startsWith('/').optional(),
  rewrite: path.optional(),
  access: z
    .union([
      z.literal('public'),
      z.literal('signed-in'),
      z.strictObject({ roles: z.array(z.enum(['user', 'admin'])).min(1) }),
    ])
    .default('signed-in'),
  limits: z
    .strictObject({
      timeout_ms: timeoutMs,
      body_bytes: z
        .int()
        .min(1)
        .max(2 ** 40),
      answer_bytes: z
        .int()
        .min(1)
        .max(64 * MIB),
    })
    .partial()
    .default({}),
  consumes: z.enum(['stream', 'json']).default('stream'),
  pass_authorization: z.boolean().default(false),
  events: z.boolean().default(false),
  websocket: z.boolean().default(false),
  request: z
    .strictObject({
      headers: requestFields,
      query: changes(queryName, queryValue),
      body: changes(bodyPath, z.json()),
    })
    .partial()
    .default({}),
  response: z.strictObject({ headers: answerFields, envelope: z.boolean() }).partial().default({}),
});

export type DeclaredRoute = z.output<typeof declaredRoute>;
export type DeclaredOperation = z.output<typeof declaredOperation>;
/** What is set, removed and renamed. */
export interface Changes<V = string> {
  readonly rename?: Readonly<Record<string, string>> | undefined;
  readonly remove?: readonly string[] | undefined;
  readonly set?: Readonly<Record<string, V>> | undefined;
}
