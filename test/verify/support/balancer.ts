import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net';
import type { Instance } from './instance.js';

const LOOK_MS = 250;

/** A TCP balancer that sends new connections to instances that say they are ready, one after the other. */
export class Balancer {
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private readonly ready = new Set<Instance>();
  private readonly looking = new Set<Instance>();
  private readonly timer: NodeJS.Timeout;
  private turn = 0;

  private constructor(private readonly instances: readonly Instance[]) {
    this.server = createServer({ allowHalfOpen: true }, (client) => this.connect(client, this.candidates()));
    this.timer = setInterval(() => void this.look(), LOOK_MS);
  }

  static async open(instances: readonly Instance[]): Promise<Balancer> {
    const balancer = new Balancer(instances);
    await balancer.look();
    await once(balancer.server.listen(0, '127.0.0.1'), 'listening');
    return balancer;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Instances that get connections now. */
  get inRotation(): number {
    return this.ready.size;
  }

  private async look(): Promise<void> {
    const idle = this.instances.filter((instance) => !this.looking.has(instance));
    await Promise.all(
      idle.map(async (instance) => {
        this.looking.add(instance);
        if ((await instance.readiness())?.status === 200) this.ready.add(instance);
        else this.ready.delete(instance);
        this.looking.delete(instance);
      }),
    );
  }

  private candidates(): Instance[] {
    const ready = [...this.ready];
    const from = this.turn++ % Math.max(1, ready.length);
    return [...ready.slice(from), ...ready.slice(0, from)];
  }

  /** One that does not take the connection costs nothing: nothing was sent yet. */
  private connect(client: Socket, [next, ...others]: readonly Instance[]): void {
    if (!next) {
      client.destroy();
      return;
    }
    const near = createConnection({ host: '127.0.0.1', port: next.port, allowHalfOpen: true });
    near.once('error', () => this.connect(client, others));
    near.once('connect', () => {
      near.removeAllListeners('error');
      this.join(client, near);
      this.join(near, client);
    });
  }

  private join(from: Socket, to: Socket): void {
    this.sockets.add(from);
    from.setNoDelay(true).pipe(to);
    from.on('error', () => to.destroy());
    from.once('close', (hadError) => {
      this.sockets.delete(from);
      if (hadError) to.destroy();
    });
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    const closed = once(this.server.close(), 'close');
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }
}
