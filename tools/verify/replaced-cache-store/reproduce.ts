/**
 * Shows against a real Redis why cache-manager-redis-store was replaced (docs/adr/0003). Passes while the faults are
 * there; a failure means that the package has changed and the decision deserves a second look.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { findRedis, type RedisServer, startRedis, startRedisCluster } from '../redis-server.ts';

const PACKAGES = {
  'cache-manager': '7.2.9',
  'cache-manager-redis-store': '3.0.1',
  keyv: '5.6.0',
  redis: '4.7.1',
};
const INSTALL_TIMEOUT_MS = 180_000;
const PROBE_TIMEOUT_MS = 20_000;

interface Finding {
  readonly fault: string;
  readonly seen: string;
  readonly reproduced: boolean;
}

type Seen = Readonly<Record<string, unknown>>;

/** The packages in a folder of their own: the product does not depend on them. */
async function install(): Promise<string> {
  const folder = mkdtempSync(path.join(tmpdir(), 'nexus-replaced-cache-store-'));
  const manifest = { private: true, type: 'module', dependencies: PACKAGES };
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify(manifest));
  copyFileSync(path.join(import.meta.dirname, 'probe.mjs'), path.join(folder, 'probe.mjs'));
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error'];
  await promisify(execFile)('npm', args, { cwd: folder, timeout: INSTALL_TIMEOUT_MS });
  return folder;
}

async function probe(folder: string, name: string, port: number): Promise<Seen> {
  const args = ['probe.mjs', name, `redis://127.0.0.1:${port}`];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder, timeout: PROBE_TIMEOUT_MS });
  return JSON.parse(stdout);
}

async function ttlIsIgnored(folder: string, { port }: RedisServer): Promise<Finding> {
  const seen = await probe(folder, 'ttl', port);
  const [long, none, short] = [Number(seen.long), Number(seen.none), Number(seen.short)];
  return {
    fault: 'the time to live of a key is ignored',
    seen: `a 5 s key got ${long} ms in a store with 3600 s, ${none} (never expires) in one without; a 60 s key got ${short} ms in a store with 1 s`,
    reproduced: long > 3_500_000 && none === -1 && short <= 1_000,
  };
}

/** Drops every connection once the probe says that it is connected; answers how the probe ended. */
async function afterDrop(folder: string, name: string, redis: RedisServer): Promise<{ code: unknown; output: string }> {
  const child = spawn(process.execPath, ['probe.mjs', name, `redis://127.0.0.1:${redis.port}`], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: PROBE_TIMEOUT_MS,
  });
  const closed = once(child, 'close');
  const output = collect(child);
  while (!output().includes('connected')) {
    await Promise.race([once(child.stdout, 'data'), closed]);
    if (child.exitCode !== null) throw new Error(`probe ${name} ended before it was connected:\n${output()}`);
  }
  await redis.cli('CLIENT', 'KILL', 'TYPE', 'normal');
  const [code] = await closed;
  return { code, output: output() };
}

function collect(child: ChildProcess): () => string {
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
    });
  }
  return () => output;
}

async function droppedConnectionCrashes(folder: string, redis: RedisServer): Promise<Finding> {
  const bare = await afterDrop(folder, 'idle', redis);
  const listening = await afterDrop(folder, 'idleWithListener', redis);
  const error = /(\w*Error: .*)/.exec(bare.output)?.[1] ?? bare.output;
  return {
    fault: 'a dropped connection ends the process',
    seen: `exit code ${bare.code}, "${error}"; with an error listener added by hand the same process reconnects`,
    reproduced:
      bare.code === 1 &&
      /Unhandled 'error' event/.test(bare.output) &&
      listening.code === 0 &&
      listening.output.includes('{"reconnected":true}'),
  };
}

async function prebuiltClientIsIgnored(folder: string, { port }: RedisServer): Promise<Finding> {
  const seen = await probe(folder, 'prebuilt', port);
  return {
    fault: 'a client that is handed over is not used',
    seen: `connections before ${seen.connectionsBefore}, after ${seen.connectionsAfter}; the store uses the client: ${seen.used}`,
    reproduced: seen.used === false && Number(seen.connectionsAfter) === Number(seen.connectionsBefore) + 1,
  };
}

async function clusterIsUnknown(folder: string, [node]: readonly RedisServer[]): Promise<Finding> {
  if (!node) throw new Error('a cluster has nodes');
  const seen = await probe(folder, 'cluster', node.port);
  return {
    fault: 'Redis Cluster is not followed',
    seen: `${seen.refused} of ${seen.keys} keys refused, ${seen.moved} with MOVED; mget of three keys: ${seen.mget}`,
    reproduced: Number(seen.moved) > 0 && seen.moved === seen.refused && seen.mget === 'CROSSSLOT',
  };
}

async function resetFlushesTheDatabase(folder: string, { port }: RedisServer): Promise<Finding> {
  const { left } = await probe(folder, 'reset', port);
  return {
    fault: 'reset() empties the whole database',
    seen: `keys of another application left: ${left}`,
    reproduced: left === 0,
  };
}

async function reproduce(binary: string): Promise<Finding[]> {
  const folder = await install();
  const servers: RedisServer[] = [];
  try {
    const single = await startRedis(binary);
    servers.push(single);
    const cluster = await startRedisCluster(binary);
    servers.push(...cluster);
    return [
      await ttlIsIgnored(folder, single),
      await droppedConnectionCrashes(folder, single),
      await prebuiltClientIsIgnored(folder, single),
      await clusterIsUnknown(folder, cluster),
      await resetFlushesTheDatabase(folder, single),
    ];
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
    rmSync(folder, { recursive: true, force: true });
  }
}

const binary = findRedis();
if (!binary) throw new Error('no redis-server on this machine');
const findings = await reproduce(binary);
for (const { fault, seen, reproduced } of findings) {
  console.log(`${reproduced ? 'reproduced    ' : 'NOT REPRODUCED'}  ${fault}: ${seen}`);
}
process.exitCode = findings.every(({ reproduced }) => reproduced) ? 0 : 1;
