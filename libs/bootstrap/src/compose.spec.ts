import { describe, expect, test } from '@jest/globals';
import { Sessions, TokenTrust, UserDirectory } from '@nexus/contracts';
import { AppError, uuidv7 } from '@nexus/kernel';
import { testContext, testServiceContext } from '@nexus/testing';
import { z } from 'zod';
import { CompositionError, compose, parseTargets } from './compose.js';
import { defineService, type PortToken } from './define-service.js';
import { localPort } from './local-port.js';

class Provider {}
const module = async () => Provider;
const catalog = [
  defineService({ name: 'gateway', port: 8080, module }),
  defineService({
    name: 'auth',
    port: 8081,
    module,
    needs: [UserDirectory],
    provides: [
      { port: TokenTrust, provider: Provider, callers: ['gateway', 'auth', 'user', 'file'] },
      { port: Sessions, provider: Provider, callers: ['user'] },
    ],
  }),
  defineService({
    name: 'user',
    port: 8082,
    module,
    needs: [Sessions],
    provides: [{ port: UserDirectory, provider: Provider, callers: ['auth'] }],
  }),
  defineService({ name: 'file', port: 8084, module, needs: [Sessions] }),
];

describe('targets', () => {
  test('are all, or names in the platform order', () => {
    expect(parseTargets('all', catalog)).toEqual(['gateway', 'auth', 'user', 'file']);
    expect(parseTargets(' user, auth ', catalog)).toEqual(['auth', 'user']);
  });

  test.each(['', 'nobody', 'auth,nobody'])('%p is refused with the names there are', (text) => {
    expect(() => parseTargets(text, catalog)).toThrow(/choose all, or some of gateway, auth, user, file/);
  });
});

describe('compose', () => {
  test('takes local providers, and is an edge with the gateway', () => {
    const whole = compose(['gateway', 'auth', 'user'], catalog);
    expect(whole.role).toBe('edge');
    expect([...whole.ports.values()].every((source) => 'local' in source)).toBe(true);
    expect(compose(['auth', 'user'], catalog).role).toBe('internal');
  });

  test('takes the service that provides a port where it runs elsewhere, and passes requests on at the edge', () => {
    const part = compose(['user'], catalog);
    const asked = [...part.ports].map(([{ port }, source]) => [port.name, 'remote' in source && source.remote]);
    expect(asked.sort()).toEqual([
      ['sessions', 'auth'],
      ['token-trust', 'auth'],
    ]);
    expect(part.proxied).toEqual([]);
    expect(compose(['gateway', 'user'], catalog).proxied).toEqual(['auth', 'file']);
    expect(compose(['gateway', 'auth', 'user'], catalog.slice(0, 3)).proxied).toEqual([]);
  });

  test('refuses with a sentence that names what is missing', () => {
    expect(() => compose(['auth', 'user', 'file'], catalog)).toThrow(/file is no declared caller of the port sessions/);
    expect(() => compose(['user'], [catalog[2] as never])).toThrow(CompositionError);
    expect(() => compose(['user'], [catalog[2] as never])).toThrow(/No service provides the port sessions/);
    const job = { job: { name: 'x' } } as never;
    const busy = defineService({ name: 'file', port: 8084, module, needs: [Sessions], jobs: [job] });
    expect(() => compose(['file'], [...catalog.slice(0, 3), busy])).toThrow(/file has events or jobs, and no database/);
  });
});

describe('a local port', () => {
  const provider = {
    applyStatus: async (_ctx: unknown, input: unknown) => input,
    revokeAll: async () => ({ revoked: 1 }),
  };
  const port = localPort(Sessions as PortToken, () => provider) as unknown as Sessions;
  const input = { user_id: uuidv7(), reason: 'spec' };

  test('calls its provider', async () => {
    expect(await port.revokeAll(testContext(), input)).toEqual({ revoked: 1 });
  });

  test('does no work after the deadline or for a caller who is gone', async () => {
    await expect(port.revokeAll(testContext(undefined, { deadline: Date.now() - 1 }), input)).rejects.toMatchObject({
      status: 504,
    });
    await expect(port.revokeAll(testContext(undefined, { signal: AbortSignal.abort() }), input)).rejects.toBeInstanceOf(
      AppError,
    );
  });

  test('lets a service act for itself only where the method says so', async () => {
    const only = {
      port: {
        name: 'x',
        streams: [],
        methods: { act: { input: z.unknown(), output: z.unknown(), idempotent: true, serviceActor: false } },
      },
    } as unknown as PortToken;
    const strict = localPort(only, () => ({ act: async () => 'done' })) as unknown as {
      act(...args: unknown[]): Promise<string>;
    };
    expect(await strict.act(testContext(), {})).toBe('done');
    await expect(strict.act(testServiceContext('file'), {})).rejects.toMatchObject({ status: 403 });
  });

  test('is no promise and has no hooks of Nest', () => {
    const bag = port as unknown as Record<string, unknown>;
    expect(bag.then).toBeUndefined();
    expect(bag.onModuleInit).toBeUndefined();
  });
});
