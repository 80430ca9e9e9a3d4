import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

/** A mail server that takes every message and keeps none: production settings of Nexus want one. */
export class SmtpSink {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  private constructor(server: Server, sockets: Set<Socket>) {
    this.#server = server;
    this.#sockets = sockets;
    this.port = (server.address() as AddressInfo).port;
  }

  static async start(host: string): Promise<SmtpSink> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      serve(socket);
    });
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, host, resolve));
    return new SmtpSink(server, sockets);
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

/** The part of RFC 5321 that a client without extensions needs. */
function serve(socket: Socket): void {
  let inMessage = false;
  let rest = '';
  socket.setEncoding('latin1');
  socket.on('error', () => socket.destroy());
  socket.on('data', (text: string) => {
    const lines = (rest + text).split('\r\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (inMessage) {
        if (line !== '.') continue;
        inMessage = false;
        socket.write('250 taken\r\n');
      } else if (/^data$/i.test(line)) {
        inMessage = true;
        socket.write('354 go on\r\n');
      } else if (/^quit$/i.test(line)) {
        socket.end('221 bye\r\n');
      } else {
        socket.write('250 ok\r\n');
      }
    }
  });
  socket.write('220 sink\r\n');
}
