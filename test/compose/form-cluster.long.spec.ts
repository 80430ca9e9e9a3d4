import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { findRedis, type RedisServer, startRedis } from '../../tools/verify/redis-server.js';

/** What docker-compose.yml runs before anybody uses its three Redis nodes, against three real ones. */
const SCRIPT = resolve(import.meta.dirname, '../../deploy/redis/form-cluster.sh');
const PATIENCE_MS = 90_000;

const binary = findRedis();
const nodes: RedisServer[] = [];

async function formCluster(): Promise<string> {
  const addresses = nodes.map(({ port }) => `localhost:${port}`);
  const { stdout } = await promisify(execFile)('sh', [SCRIPT, ...addresses], {
    env: { PATH: `${join(binary ?? '', '..')}:${process.env.PATH}` },
    timeout: PATIENCE_MS,
  });
  return stdout.trim();
}

const start = (port?: number): Promise<RedisServer> => {
  if (binary === undefined) throw new Error('These tests need Redis: apt-get install redis-server');
  return startRedis(binary, port === undefined ? { cluster: true } : { cluster: true, port });
};

const factsOf = (info: string) => Object.fromEntries(info.split(/\r?\n/).map((line) => line.split(':')));

async function expectWhole(): Promise<void> {
  for (const node of nodes) {
    expect(factsOf(await node.cli('cluster', 'info'))).toMatchObject({
      cluster_state: 'ok',
      cluster_known_nodes: '3',
      cluster_size: '3',
      cluster_slots_ok: '16384',
    });
  }
}

/** Follows to the node that has the slot. */
const cli = (...args: string[]) => nodes[0]?.cli('-c', ...args);

beforeAll(async () => {
  while (nodes.length < 3) nodes.push(await start());
}, PATIENCE_MS);

afterAll(async () => {
  await Promise.all(nodes.map((node) => node.stop()));
}, PATIENCE_MS);

describe('form-cluster.sh', () => {
  test(
    'makes a cluster of nodes that know of no other',
    async () => {
      expect(await formCluster()).toBe('The cluster was made.');
      await expectWhole();
    },
    PATIENCE_MS,
  );

  test(
    'leaves one that is whole alone',
    async () => {
      expect(await cli('set', 'kept', 'yes')).toBe('OK');
      expect(await formCluster()).toBe('The cluster is whole.');
      expect(await cli('get', 'kept')).toBe('yes');
    },
    PATIENCE_MS,
  );

  test(
    'makes another one when a node has come back with nothing',
    async () => {
      const [, , last] = nodes as [RedisServer, RedisServer, RedisServer];
      await last.stop();
      nodes[2] = await start(last.port);
      expect(await formCluster()).toBe('The cluster was made.');
      await expectWhole();
      expect(await cli('get', 'kept')).toBe('');
      expect(await cli('set', 'kept', 'again')).toBe('OK');
    },
    PATIENCE_MS,
  );
});
