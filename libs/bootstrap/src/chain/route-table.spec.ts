import { expect, test } from '@jest/globals';
import type { RoutePolicy } from '@nexus/contracts';
import type { AddedRoutes, EdgeRoute } from '../edge-routes.js';
import { RouteTable } from './route-table.js';

const policy = (method: string, path: string, operation: string) => ({ method, path, operation }) as RoutePolicy;
const declared = [
  policy('GET', '/things/{id}', 'getThing'),
  policy('POST', '/things', 'createThing'),
  policy('GET', '/things', 'listThings'),
];

const added: AddedRoutes = {
  find: (method, path) => {
    const route = policy(method, path, 'added') as EdgeRoute;
    return method === 'GET' && path !== '/none' ? { route, params: {} } : undefined;
  },
  methods: (path) => (path === '/more' ? ['GET'] : []),
};

test('changes are taken up as a whole, and taken back', () => {
  const table = new RouteTable(declared);
  expect(table.find('GET', '/things/7')).toEqual({ route: declared[0], params: { id: '7' } });
  expect(table.find('GET', '/more')).toBeUndefined();
  const other: EdgeRoute = { ...(declared[0] as RoutePolicy), upgrades: true };
  const hidden: EdgeRoute = { ...(declared[1] as RoutePolicy), hidden: true };
  table.replace({
    overrides: new Map([
      ['getThing', other],
      ['createThing', hidden],
    ]),
    added,
  });
  expect(table.find('HEAD', '/things/7')).toEqual({ route: other, params: { id: '7' } });
  expect(table.find('GET', '/things')?.route).toBe(declared[2]);
  expect(table.find('POST', '/things')?.route).toBe(hidden);
  expect(table.find('HEAD', '/more')?.route.operation).toBe('added');
  expect(table.find('GET', '/none')).toBeUndefined();
  expect(table.allowed('/things')).toEqual(['GET', 'HEAD', 'OPTIONS']);
  expect(table.allowed('/more')).toEqual(['GET', 'HEAD', 'OPTIONS']);
  expect(table.allowed('/none')).toEqual([]);
  table.replace({ overrides: new Map(), added: undefined });
  expect(table.find('GET', '/things/7')?.route).toBe(declared[0]);
  expect(table.allowed('/things')).toEqual(['GET', 'POST', 'HEAD', 'OPTIONS']);
});

test('a parameter that is empty is none', () => {
  const table = new RouteTable([...declared, policy('GET', '/things/{id}/parts/{part}', 'getPart')]);
  for (const path of ['/things/', '/things//parts/1', '/things/7/parts/', '/things//parts/', '/things/7/']) {
    expect([path, table.find('GET', path), table.allowed(path)]).toEqual([path, undefined, []]);
  }
  expect(table.find('GET', '/things/7/parts/1')?.route.operation).toBe('getPart');
});
