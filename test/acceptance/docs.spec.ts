import { beforeAll, describe, expect, test } from '@jest/globals';
import { type ApiDescription, apiDescription } from './support/api-description.js';
import { anyone } from './support/client.js';
import { createValidator, faultsOf } from './support/json-schema.js';
import { OPENAPI_SCHEMA } from './support/openapi-schema.js';

type Json = Record<string, unknown>;

let api: ApiDescription;

beforeAll(async () => {
  api = await apiDescription();
});

const at = (value: unknown, key: string): Json => ((value as Json | undefined)?.[key] ?? {}) as Json;

/** Every object within a value, with its JSON pointer. */
function* objects(value: unknown, where = ''): Generator<{ where: string; object: Json }> {
  if (value === null || typeof value !== 'object') return;
  if (!Array.isArray(value)) yield { where, object: value as Json };
  for (const [key, inner] of Object.entries(value))
    yield* objects(inner, `${where}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`);
}

/** What keeps a value from fitting a schema of the document. */
function faults(schema: unknown, value: unknown): string {
  const validate = api.validatorOf(schema as Json);
  return validate(value) ? '' : faultsOf(validate.errors);
}

describe('the OpenAPI document', () => {
  test('is OpenAPI 3.1', () => {
    const validate = createValidator().compile(OPENAPI_SCHEMA);
    validate(api.document);
    expect(faultsOf(validate.errors)).toBe('');
    expect(api.document.openapi).toMatch(/^3\.1\.\d+$/);
    expect(at(api.document, 'info')).toMatchObject({
      title: expect.any(String),
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
    });
  });

  test('refers to nothing that is not in it', () => {
    const dangling = [...objects(api.document)]
      .filter(({ object }) => typeof object.$ref === 'string')
      .filter(({ object }) => !(object.$ref as string).startsWith('#/') || api.resolve(object) === undefined);
    expect(dangling.map(({ where }) => where)).toEqual([]);
  });

  test('holds valid schemas only', () => {
    const schemas = at(at(api.document, 'components'), 'schemas');
    expect(Object.keys(schemas).length).toBeGreaterThan(10);
    for (const name of Object.keys(schemas)) {
      expect(() => api.validatorOf({ $ref: `#/components/schemas/${name}` })).not.toThrow();
    }
  });

  test('tells of all six services', () => {
    const paths = Object.keys(at(api.document, 'paths'));
    for (const path of [
      '/',
      '/.well-known/jwks.json',
      '/health/live',
      '/health/ready',
      '/api/v1/openapi.json',
      '/api/v1/auth/register',
      '/api/v1/auth/login',
      '/api/v1/auth/refresh',
      '/api/v1/auth/logout',
      '/api/v1/auth/logout-all',
      '/api/v1/auth/sessions',
      '/api/v1/auth/password/change',
      '/api/v1/users',
      '/api/v1/users/me',
      '/api/v1/users/me/preferences',
      '/api/v1/users/{id}',
      '/api/v1/projects',
      '/api/v1/projects/{id}',
      '/api/v1/projects/{id}/restore',
      '/api/v1/projects/{id}/members',
      '/api/v1/files',
      '/api/v1/files/{id}',
      '/api/v1/files/{id}/content',
      '/api/v1/files/usage',
      '/api/v1/notifications',
      '/api/v1/notifications/unread-count',
      '/api/v1/notifications/stream',
    ]) {
      expect(paths).toContain(path);
    }
    expect(paths.filter((path) => /internal|\/dev\//.test(path))).toEqual([]);
  });

  test('every operation has a name of its own, a summary and a tag', () => {
    const ids = api.operations.map(({ description }) => description.operationId);
    expect(new Set(ids).size).toBe(api.operations.length);
    for (const { description, method, path } of api.operations) {
      const where = `${method} ${path}`;
      expect([where, description.operationId]).toEqual([where, expect.stringMatching(/^[a-z][A-Za-z]+$/)]);
      expect([where, description.summary]).toEqual([where, expect.stringMatching(/^.{3,}$/)]);
      expect([where, description.tags]).toEqual([where, [expect.any(String)]]);
    }
  });

  test('every operation describes its parameters, those of the path whole', () => {
    for (const { description, method, path } of api.operations) {
      const parameters = ((description.parameters ?? []) as Json[]).map((parameter) => api.resolve(parameter) as Json);
      const inPath = parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name);
      const named = [...path.matchAll(/\{([^}]+)\}/g)].map((match) => match[1]);
      expect([method, path, [...inPath].sort()]).toEqual([method, path, [...named].sort()]);
      const keys = parameters.map((parameter) => `${parameter.in} ${parameter.name}`);
      expect([method, path, keys]).toEqual([method, path, [...new Set(keys)]]);
    }
  });

  /** What is wrong with one described answer. */
  function answerFaults(status: string, response: Json | undefined): string[] {
    if (typeof response?.description !== 'string' || response.description.length < 3) return ['is not described'];
    const json = at(at(response, 'content'), 'application/json');
    const isError = Number(status) >= 400;
    if (!json.schema) return isError ? ['has no schema'] : [];
    const examples =
      'example' in json ? [json.example] : Object.values(at(json, 'examples')).map((example) => at(example, 'value'));
    if (examples.length === 0) return ['has no example'];
    return examples.flatMap((example) => [
      ...(faults(json.schema, example) === ''
        ? []
        : [`has an example that does not fit: ${faults(json.schema, example)}`]),
      ...(isError && (example as Json).error_code !== Number(status) ? ['has an example of another status'] : []),
    ]);
  }

  test('every operation describes its success and its errors, with examples that fit', () => {
    const found = api.operations.flatMap(({ description, method, path }) => {
      const responses = at(description, 'responses');
      const statuses = Object.keys(responses);
      const isOpen = Array.isArray(description.security) && description.security.length === 0;
      const expected = [...(isOpen ? [] : ['401']), ...(path.startsWith('/health/') ? ['500'] : ['429', '500'])];
      const missing = expected.filter((status) => !statuses.includes(status));
      return [
        ...(statuses.some((status) => /^2\d\d$/.test(status)) ? [] : [`${method} ${path}: no success`]),
        ...missing.map((status) => `${method} ${path}: no ${status}`),
        ...statuses.flatMap((status) =>
          answerFaults(status, api.resolve(responses[status] as Json)).map(
            (fault) => `${method} ${path} ${status} ${fault}`,
          ),
        ),
      ];
    });
    expect(found).toEqual([]);
  });

  test('every body has an example that fits', () => {
    for (const { description, method, path } of api.operations) {
      const json = at(at(at(description, 'requestBody'), 'content'), 'application/json');
      if (Object.keys(json).length === 0) continue;
      const where = `${method} ${path}`;
      expect([where, 'example' in json || 'examples' in json]).toEqual([where, true]);
      expect([where, faults(json.schema, json.example)]).toEqual([where, '']);
    }
  });

  test('an upload’s form is described', () => {
    const form = at(
      at(at(api.find('POST', '/api/v1/files')?.description, 'requestBody'), 'content'),
      'multipart/form-data',
    );
    const schema = api.resolve(form.schema as Json);
    expect(Object.keys(at(schema, 'properties')).sort()).toEqual(['file', 'name', 'project_id']);
  });

  test('what needs credentials says which', () => {
    const schemes = at(at(api.document, 'components'), 'securitySchemes');
    expect(at(schemes, 'bearer')).toMatchObject({ type: 'http', scheme: 'bearer' });
    const secured = api.find('GET', '/api/v1/users/me')?.description.security as Json[];
    expect(secured).toContainEqual({ bearer: [] });
    expect(api.find('POST', '/api/v1/auth/login')?.description.security).toEqual([]);
  });

  test('comes with a tag, and is not sent twice', async () => {
    const reply = (await anyone().get('/api/v1/openapi.json')).is(200);
    expect(reply.required('content-type')).toMatch(/^application\/json\b/);
    (await anyone().get('/api/v1/openapi.json', { headers: { 'if-none-match': reply.required('etag') } })).is(304);
  });
});

describe('the reference page', () => {
  test('loads, with everything it refers to, from here', async () => {
    const page = (await anyone().get('/docs')).is(200);
    expect(page.required('content-type')).toMatch(/^text\/html\b/);
    const base = new URL('/docs', 'http://here');
    const links = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => new URL(match[1] as string, base));
    expect(links.length).toBeGreaterThan(1);
    for (const link of links) {
      expect(link.host).toBe('here');
      if (link.hash && link.pathname === base.pathname) continue;
      const asset = (await anyone().get(link.pathname)).is(200);
      expect(asset.bytes.length).toBeGreaterThan(0);
    }
  });

  test('lets nothing in from elsewhere', async () => {
    const policy = (await anyone().get('/docs')).required('content-security-policy');
    expect(policy).toMatch(/default-src '(none|self)'/);
    expect(policy).not.toMatch(/https?:|\*|unsafe-eval/);
    expect(/script-src ([^;]+)/.exec(policy)?.[1]).not.toContain('unsafe-inline');
  });

  test('asks for no host in what it runs', async () => {
    const page = (await anyone().get('/docs')).is(200);
    const scripts = [...page.text.matchAll(/<script[^>]*src="([^"]+)"/g)].map(
      (match) => new URL(match[1] as string, 'http://here/docs').pathname,
    );
    const own = scripts.filter((path) => !/swagger-ui/.test(path));
    for (const path of own) expect((await anyone().get(path)).text).not.toMatch(/https?:\/\/(?!localhost)/);
    expect(page.text).not.toMatch(/https?:\/\//);
  });

  test('serves no other files', async () => {
    for (const name of ['../package.json', '..%2fpackage.json', 'package.json', 'index.js', '.env']) {
      (await anyone().get(`/docs/assets/${name}`)).is(404, 400);
    }
  });
});

describe('the front door', () => {
  test('names itself and links to the rest', async () => {
    const { name, version, links } = (await anyone().get('/'))
      .is(200)
      .data<{ name: string; version: string; links: Record<string, string> }>();
    expect(name).toBe('Nexus');
    expect(version).toMatch(/^\d+\.\d+\.\d+/);
    const paths = Object.values(links).map((link) => new URL(link, 'http://here').pathname);
    for (const path of paths) (await anyone().get(path)).is(200);
    expect(paths).toEqual(
      expect.arrayContaining([
        '/docs',
        '/api/v1/openapi.json',
        '/.well-known/jwks.json',
        '/health/live',
        '/health/ready',
      ]),
    );
  });
});
