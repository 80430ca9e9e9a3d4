import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Generous, because a busy machine takes its time; nothing waits for it when all is well. */
export const PATIENCE_MS = 90_000;
const LOOK_MS = 25;

/** Waits until the condition holds. @throws Error naming it when it does not come about */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  patienceMs = PATIENCE_MS,
): Promise<void> {
  const end = Date.now() + patienceMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`Not so within ${patienceMs} ms: ${what}`);
    await new Promise((wake) => setTimeout(wake, LOOK_MS));
  }
}

/** Below the ports that systems give to outgoing connections: one of those could take a port while its process restarts. */
const PORTS = { from: 10_240, to: 32_768 };

async function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  const free = await new Promise<boolean>((resolve) => {
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => resolve(true));
  });
  if (free) await once(probe.close(), 'close');
  return free;
}

/** Ports where nobody listens, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  while (found.size < count) {
    const port = randomInt(PORTS.from, PORTS.to);
    if (!found.has(port) && (await isFree(port))) found.add(port);
  }
  return [...found];
}
