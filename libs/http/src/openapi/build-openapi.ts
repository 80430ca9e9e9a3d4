import { SCOPE_TEXTS } from '@nexus/auth-guards';
import { type FormField, successStatus } from '../endpoint.decorator.js';
import type { ReflectedRoute } from '../reflect-routes.js';
import { exampleOf } from './example-of.js';
import { COMMON_HEADERS, ERROR_SCHEMA, errorResponses, HEADER_COMPONENTS } from './responses.js';
import { type JsonSchema, SchemaStore } from './schema-store.js';

const REQUEST_ID = '6f9619ff-8b86-4d11-b42d-00c04fc964ff';
const PAGE: JsonSchema = {
  type: 'object',
  required: ['limit', 'next_cursor', 'total'],
  properties: {
    limit: { type: 'integer' },
    next_cursor: { type: ['string', 'null'], description: 'Pass it as `cursor` for the next page; null on the last.' },
    total: { type: 'integer', description: 'Exact number of matches over all pages.' },
  },
};

const API_KEY_TEXT = [
  'A key of `POST /api/v1/auth/api-keys`. It acts for its owner, where an operation names scopes and the key has all of',
  'them; operations that name none take no keys. Beside `Authorization` it is not looked at.',
  `Scopes:\n\n${Object.entries(SCOPE_TEXTS)
    .map(([scope, text]) => `- \`${scope}\` ${text}`)
    .join('\n')}`,
].join(' ');

const headerRef = (name: string): JsonSchema => ({ $ref: `#/components/headers/${name}` });

function envelope(data: JsonSchema, list: boolean): JsonSchema {
  return {
    type: 'object',
    required: ['success', 'data', 'request_id', ...(list ? ['page'] : [])],
    properties: {
      success: { const: true },
      data: list ? { type: 'array', items: data } : data,
      ...(list ? { page: { $ref: '#/components/schemas/Page' } } : {}),
      request_id: { type: 'string', format: 'uuid' },
    },
  };
}

function successHeaders(route: ReflectedRoute): JsonSchema {
  const { endpoint, policy } = route;
  return {
    ...COMMON_HEADERS,
    ...(endpoint.response && policy.produces === 'json' ? { ETag: headerRef('ETag') } : {}),
    ...(endpoint.location ? { Location: headerRef('Location') } : {}),
    ...(policy.cache ? { 'Cache-Status': headerRef('CacheStatus') } : {}),
    ...(policy.idempotency === 'accepted' ? { 'Idempotency-Replayed': headerRef('IdempotencyReplayed') } : {}),
  };
}

function success(route: ReflectedRoute, store: SchemaStore): JsonSchema {
  const { endpoint, policy } = route;
  const headers = successHeaders(route);
  const schema = endpoint.list ?? endpoint.response;
  if (policy.produces !== 'json') {
    const type = endpoint.mediaTypes?.response ?? 'application/octet-stream';
    const shown = schema && store.add(schema, 'output');
    const content = shown ? { schema: shown, example: exampleOf(shown, store) } : {};
    return { description: endpoint.summary, headers, content: { [type]: content } };
  }
  if (!schema) return { description: 'Done; no body.', headers };
  const data = store.add(schema, 'output');
  const list = endpoint.list !== undefined;
  const value = exampleOf(data, store);
  const example = {
    success: true,
    data: list ? [value] : value,
    ...(list ? { page: { limit: 20, next_cursor: null, total: 1 } } : {}),
    request_id: REQUEST_ID,
  };
  return {
    description: endpoint.summary,
    headers,
    content: { 'application/json': { schema: envelope(data, list), example } },
  };
}

function parameters(route: ReflectedRoute, store: SchemaStore): JsonSchema[] {
  const { policy, schemas, endpoint } = route;
  const found: JsonSchema[] = [];
  const declared = schemas.params
    ? (store.resolve(store.add(schemas.params, 'input')).properties as Record<string, JsonSchema>)
    : {};
  for (const [, name] of policy.path.matchAll(/\{([a-z_]+)\}/g)) {
    found.push({ name, in: 'path', required: true, schema: declared[name as string] ?? { type: 'string' } });
  }
  if (schemas.query) {
    const query = store.resolve(store.add(schemas.query, 'input'));
    const required = (query.required ?? []) as string[];
    for (const [name, schema] of Object.entries((query.properties ?? {}) as Record<string, JsonSchema>)) {
      found.push({ name, in: 'query', required: required.includes(name), schema });
    }
  }
  if (policy.idempotency === 'accepted' || policy.idempotency === 'handler')
    found.push({ $ref: '#/components/parameters/IdempotencyKey' });
  if (endpoint.errors?.includes('stale_version')) found.push({ $ref: '#/components/parameters/IfMatch' });
  if (policy.method === 'GET' && endpoint.response && policy.produces === 'json')
    found.push({ $ref: '#/components/parameters/IfNoneMatch' });
  for (const [name, description] of Object.entries(endpoint.requestHeaders ?? {}))
    found.push(header(name, description));
  return found;
}

function requestBody(route: ReflectedRoute, store: SchemaStore): JsonSchema | undefined {
  const { schemas, endpoint, policy } = route;
  if (schemas.body) {
    const schema = store.add(schemas.body, 'input');
    const example = endpoint.example ?? exampleOf(schema, store);
    return {
      required: true,
      content: { 'application/json': { schema, example }, 'application/x-www-form-urlencoded': { schema } },
    };
  }
  if (policy.consumes !== 'stream') return undefined;
  const schema = endpoint.form && { schema: formSchema(endpoint.form) };
  return { required: true, content: { [endpoint.mediaTypes?.request ?? 'application/octet-stream']: schema ?? {} } };
}

function formSchema(form: Readonly<Record<string, FormField>>): JsonSchema {
  const fields = Object.entries(form);
  return {
    type: 'object',
    required: fields.filter(([, field]) => field.required).map(([name]) => name),
    properties: Object.fromEntries(
      fields.map(([name, { description, binary }]) => [
        name,
        { type: 'string', description, ...(binary ? { contentMediaType: 'application/octet-stream' } : {}) },
      ]),
    ),
  };
}

/** Successful answers besides the usual one: not modified, a part of it. */
function furtherAnswers(route: ReflectedRoute): Record<string, JsonSchema> {
  const { endpoint, policy } = route;
  const headers = successHeaders(route);
  const tagged = policy.method === 'GET' && policy.produces !== 'sse' && !endpoint.list;
  const found: Record<string, JsonSchema> = {};
  for (const [status, description] of Object.entries(endpoint.alsoAnswers ?? {})) {
    found[status] = { description, headers, content: { [endpoint.mediaTypes?.response ?? '*/*']: {} } };
  }
  if (tagged) found['304'] = { description: 'What the client has (`If-None-Match`) is current; no body.', headers };
  return found;
}

/** For an API key, OpenAPI 3.1 takes the names of what is required beside it (§4.8.30): the scopes. */
function security({ policy: { access } }: ReflectedRoute): JsonSchema[] {
  if (access.public) return [];
  return [{ bearer: [] }, ...(access.scopes.length > 0 ? [{ apiKey: access.scopes }] : [])];
}

function operation(route: ReflectedRoute, store: SchemaStore): JsonSchema {
  const { endpoint, policy } = route;
  const body = requestBody(route, store);
  return {
    operationId: policy.operation,
    summary: endpoint.summary,
    ...(endpoint.description ? { description: endpoint.description } : {}),
    tags: [policy.service],
    security: security(route),
    ...(policy.access.roles.length > 0 ? { 'x-roles': policy.access.roles } : {}),
    parameters: parameters(route, store),
    ...(body ? { requestBody: body } : {}),
    responses: {
      [String(successStatus(endpoint))]: success(route, store),
      ...furtherAnswers(route),
      ...errorResponses(route),
    },
  };
}

/** Makes the OpenAPI 3.1 document of these routes (https://spec.openapis.org/oas/v3.1.1). */
export function buildOpenApi(routes: readonly ReflectedRoute[], version: string): JsonSchema {
  const store = new SchemaStore();
  const paths: Record<string, Record<string, JsonSchema>> = {};
  const seen = new Set<string>();
  const shown = routes.filter((route) => !route.endpoint.hidden);
  for (const route of shown.toSorted((a, b) => a.policy.path.localeCompare(b.policy.path))) {
    const { path, method, operation: id } = route.policy;
    if (seen.has(id)) throw new Error(`Two routes are named ${id}`);
    seen.add(id);
    paths[path] = { ...paths[path], [method.toLowerCase()]: operation(route, store) };
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Nexus',
      version,
      description:
        'Authentication, users, projects, files and notifications behind one gateway. Every error has the one format.',
    },
    servers: [{ url: '/' }],
    tags: [...new Set(shown.map((route) => route.policy.service))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
        apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key', description: API_KEY_TEXT },
      },
      headers: HEADER_COMPONENTS,
      parameters: {
        IdempotencyKey: header(
          'Idempotency-Key',
          'Replays the first answer for 24 h instead of doing the work again.',
          255,
        ),
        IfMatch: header('If-Match', 'Entity tag that the resource must still have; else 412.'),
        IfNoneMatch: header('If-None-Match', 'Entity tag that the client has; 304 when it is still current.'),
      },
      schemas: { Error: ERROR_SCHEMA, Page: PAGE, ...sorted(store.components) },
    },
  };
}

function header(name: string, description: string, maxLength?: number): JsonSchema {
  return {
    name,
    in: 'header',
    required: false,
    description,
    schema: { type: 'string', ...(maxLength ? { maxLength } : {}) },
  };
}

function sorted(components: Record<string, JsonSchema>): Record<string, JsonSchema> {
  return Object.fromEntries(Object.entries(components).sort(([a], [b]) => a.localeCompare(b)));
}
