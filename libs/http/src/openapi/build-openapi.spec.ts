import { describe, expect, test } from '@jest/globals';
import { Body, Controller, Param, Query } from '@nestjs/common';
import { Public } from '@nexus/auth-guards';
import { z } from 'zod';
import { buildOpenApi, cursorQuery, Endpoint, idParam, reflectRoutes } from '../index.js';

const thing = z.object({ id: z.uuid(), name: z.string(), note: z.string().nullable() }).meta({ id: 'SpecThing' });
const create = z.strictObject({ name: z.string().min(1), note: z.string().default('none') }).meta({ id: 'SpecCreate' });

@Controller('api/v1/things')
class ThingsController {
  @Endpoint('GET', '', { operation: 'listThings', summary: 'All', list: thing })
  list(@Query({ schema: cursorQuery(['name'], 'name').extend({ q: z.string().optional() }) }) query: unknown) {
    return query;
  }
  @Endpoint('POST', '', {
    operation: 'createThing',
    summary: 'New',
    status: 201,
    response: thing,
    location: () => '/x',
    errors: ['conflict'],
  })
  create(@Body({ schema: create }) body: unknown) {
    return body;
  }
  @Public()
  @Endpoint('DELETE', ':id', { operation: 'deleteThing', summary: 'Gone', errors: ['stale_version'] })
  delete(@Param({ schema: idParam }) params: unknown) {
    return params;
  }
}

interface Any {
  [key: string]: Any | undefined;
}
const routes = reflectRoutes('project', [ThingsController]);
const document = buildOpenApi(routes, '1.2.3') as unknown as Any;

describe('reflection', () => {
  test('makes the policy of a route', () => {
    expect(routes.map(({ policy }) => `${policy.method} ${policy.path} ${policy.idempotency}`)).toEqual([
      'GET /api/v1/things none',
      'POST /api/v1/things accepted',
      'DELETE /api/v1/things/{id} none',
    ]);
    expect(routes[2]?.policy).toMatchObject({ idParams: ['id'], access: { public: true } });
    expect(routes[1]?.policy.body).toEqual({
      kind: 'object',
      keys: { name: { kind: 'string' }, note: { kind: 'string' } },
    });
  });
});

describe('the OpenAPI document', () => {
  test('refers to named schemas, and knows what a client may leave out', () => {
    const post = document.paths?.['/api/v1/things']?.post as Any;
    expect(post.requestBody?.content?.['application/json']?.schema).toEqual({
      $ref: '#/components/schemas/SpecCreate',
    });
    expect(document.components?.schemas?.SpecCreate?.required).toEqual(['name']);
    expect(post.responses?.['201']?.content?.['application/json']?.schema?.properties?.data).toEqual({
      $ref: '#/components/schemas/SpecThing',
    });
  });

  test('describes every error with its code and an example', () => {
    const responses = (document.paths?.['/api/v1/things']?.post as Any).responses as Any;
    for (const status of ['400', '401', '409', '413', '415', '429', '500', '503']) {
      const examples = responses[status]?.content?.['application/json']?.examples as Any;
      expect(Object.keys(examples).length).toBeGreaterThan(0);
    }
    expect(Object.keys((responses['409']?.content?.['application/json']?.examples ?? {}) as Any)).toContain('conflict');
  });

  test('lists have a page; parameters have their place', () => {
    const get = document.paths?.['/api/v1/things']?.get as Any;
    expect(get.responses?.['200']?.content?.['application/json']?.schema?.required).toContain('page');
    expect((get.parameters as unknown as { name: string }[]).map(({ name }) => name)).toEqual([
      'limit',
      'cursor',
      'sort',
      'q',
    ]);
    expect((document.paths?.['/api/v1/things/{id}']?.delete as Any).security).toEqual([]);
  });

  test('refuses an error that nobody declares, and two routes of one name', () => {
    const wrong = { ...routes[0], endpoint: { ...routes[0]?.endpoint, errors: ['no_such_code'] } } as never;
    expect(() => buildOpenApi([wrong], '1')).toThrow(/no_such_code/);
    expect(() => buildOpenApi([routes[0] as never, routes[0] as never], '1')).toThrow(/listThings/);
  });
});
