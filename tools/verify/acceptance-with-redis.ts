/** Holds the acceptance suite against six processes that share one Redis, without which every `npm test` runs it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { findRedis, startRedis } from './redis-server.ts';

const root = path.resolve(import.meta.dirname, '../..');

const binary = findRedis();
if (!binary) throw new Error('There is no Redis');
const redis = await startRedis(binary);
try {
  const tests = spawn(process.execPath, ['tools/test/main.ts', 'acceptance:six'], {
    cwd: root,
    env: { ...process.env, NEXUS_TEST_REDIS_URL: redis.url },
    stdio: 'inherit',
  });
  const [code] = (await once(tests, 'exit')) as [number | null];
  const used = await redis.cli('dbsize');
  // Else the platform had not used it, and nothing would have been proven.
  if (Number(used.trim()) === 0) throw new Error('Nothing was kept in Redis');
  process.exitCode = code ?? 1;
} finally {
  await redis.stop();
}
