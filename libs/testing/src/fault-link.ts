import type { AddressInfo } from 'node:net';
import { createConnection, createServer, type Server, type Socket } from 'node:net';

/** A TCP proxy between two parts of a spec, whose network can be in trouble. */
export class FaultLink {
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private frozen = false;
  private refusing = false;

  /** @param target `http://host:port` of the one behind it */
  constructor(target: string) {
    const { hostname, port } = new URL(target);
    this.server = createServer((near) => {
      if (this.refusing) {
        near.resetAndDestroy();
        return;
      }
      const far = createConnection({ host: hostname, port: Number(port) });
      this.join(near, far);
      this.join(far, near);
      near.once('close', () => far.destroy());
      far.once('close', () => near.destroy());
    });
  }

  /** @returns its address, `http://127.0.0.1:port` */
  async open(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Nothing passes any more, and nobody learns it: as if the other side were stopped. */
  freeze(): void {
    this.frozen = true;
    for (const socket of this.sockets) socket.pause();
  }

  /** What was held back passes. */
  thaw(): void {
    this.frozen = false;
    for (const socket of this.sockets) socket.resume();
  }

  /** Resets every connection. */
  cut(): void {
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  /** Takes no connections, or takes them again. */
  refuse(refusing: boolean): void {
    this.refusing = refusing;
    if (refusing) this.cut();
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  private join(from: Socket, to: Socket): void {
    this.sockets.add(from);
    from.once('close', () => this.sockets.delete(from));
    from.on('error', () => undefined);
    from.on('data', (chunk: Buffer) => to.write(chunk));
    if (this.frozen) from.pause();
  }
}
