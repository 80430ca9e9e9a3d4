import { spawnSync } from 'node:child_process';
import { type RedisServer, startRedis } from '../verify/redis-server.ts';
import type { Link } from './link.ts';
import { Part, type Running } from './part.ts';

const LOOK_MS = 50;

/** The `redis-server` of this machine; undefined where there is none. */
export function redisHere(): string | undefined {
  const { stdout } = spawnSync('/bin/sh', ['-c', 'command -v redis-server'], { encoding: 'utf8' });
  return stdout?.trim() || undefined;
}

/** A Redis without persistence: whoever starts again has forgotten everything. */
export class RedisPart extends Part {
  readonly #binary: string;

  constructor(name: string, link: Link, binary: string) {
    super(name, link);
    this.#binary = binary;
  }

  protected async launch(): Promise<Running> {
    const server = await startRedis(this.#binary);
    const pid = Number(/^process_id:(\d+)/m.exec(await server.cli('info', 'server'))?.[1]);
    return { pid, port: server.port, ended: gone(server, pid), terminate: () => process.kill(pid, 'SIGTERM') };
  }
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Resolves when the process has ended and its folder is gone. */
async function gone(server: RedisServer, pid: number): Promise<string> {
  while (runs(pid)) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  await server.stop();
  return 'ended';
}
