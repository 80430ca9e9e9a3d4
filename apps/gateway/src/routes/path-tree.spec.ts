import { describe, expect, test } from '@jest/globals';
import type { EdgeRoute } from '@nexus/bootstrap';
import { pathAtServer } from './foreign-path.js';
import { PathTree, plainPath } from './path-tree.js';

function treeOf(...routes: string[]): PathTree {
  const tree = new PathTree();
  for (const text of routes) {
    const [method, path] = text.split(' ') as ['GET', string];
    tree.add({ method, path, operation: text } as EdgeRoute);
  }
  return tree;
}

describe('the tree', () => {
  const tree = treeOf('GET /a/b', 'GET /a/{x}', 'POST /a/{x}/c', 'GET /a/*', 'GET /a/b/d', 'GET /e/', 'PUT /a/{x}/*');

  test.each([
    ['GET', '/a/b', 'GET /a/b'],
    ['GET', '/a/x', 'GET /a/{x}'],
    ['GET', '/a/%62', 'GET /a/b'],
    // Back from a fixed segment that leads nowhere to the parameter beside it.
    ['POST', '/a/b/c', 'POST /a/{x}/c'],
    ['GET', '/a/b/c', 'GET /a/*'],
    ['GET', '/a/', 'GET /a/*'],
    ['PUT', '/a/b/', 'PUT /a/{x}/*'],
    ['GET', '/e/', 'GET /e/'],
    ['GET', '/e', undefined],
    ['GET', '/a', undefined],
    ['POST', '/a/b', undefined],
    ['GET', '/A/b', undefined],
    ['GET', '', undefined],
  ])('%s %s is %s', (method, path, operation) => {
    expect(tree.find(method, path)?.route.operation).toBe(operation);
  });

  test('knows the methods of a path', () => {
    expect(tree.methods('/a/b/c').sort()).toEqual(['GET', 'POST', 'PUT']);
    expect(tree.methods('/nothing')).toEqual([]);
  });

  test('looks at no node twice, however many ways a path could go', () => {
    const depth = 30;
    const routes = Array.from({ length: depth }, (_, i) => {
      const segments = Array.from({ length: depth }, (_, at) => (at === i ? '{x}' : 'a'));
      return `GET /${segments.join('/')}`;
    });
    const path = `/${'a/'.repeat(depth)}b`;
    const from = performance.now();
    expect(treeOf(...routes).find('GET', path)).toBeUndefined();
    expect(performance.now() - from).toBeLessThan(1_000);
  });
});

test.each([
  ['/%41%7a%30%2D%2e%5F%7E', '/Az0-._~'],
  ['/%20%2F%25%C3%B6%7f%40', '/%20%2F%25%C3%B6%7f%40'],
])('%s is plainly %s', (path, plain) => {
  expect(plainPath(path)).toBe(plain);
});

describe('the path at the server', () => {
  test.each([
    [{ path: '/a/*' }, '/a/%62/c', '/a/%62/c'],
    [{ path: '/a/*', strip_prefix: '/a' }, '/%61/%62/c', '/b/c'],
    [{ path: '/a', strip_prefix: '/a' }, '/a', '/'],
    [{ path: '/a/{x}/{y}/*', rewrite: '/{y}/z/{x}/*' }, '/a/1/2%20/3/4/', '/2%20/z/1/3/4/'],
    [{ path: '/a/{x}/*', rewrite: '/b/*' }, '/a/1/', '/b/'],
    [{ path: '/a/{x}', rewrite: '/b' }, '/a/1', '/b'],
  ])('%j makes of %s %s', (route, path, made) => {
    expect(pathAtServer(route)(path)).toBe(made);
  });

  test.each([
    '/a/..',
    '/a/%2e%2E/b',
    '/a/.%2e',
    '/a//b',
    '/a/%2Fb',
    '/a;b',
    '/a/%5cb',
    '/a%00',
    '/a/%252f',
    '/a/%252E%252e',
  ])('%s is refused', (path) => {
    for (const route of [{ path: '/a/*' }, { path: '/a/*', strip_prefix: '/a' }, { path: '/a/*', rewrite: '/*' }])
      expect(() => pathAtServer(route)(path)).toThrow('The address is not valid.');
  });
});
