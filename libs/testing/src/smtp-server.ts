import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

/** A message as it came over the wire. */
export interface ReceivedMail {
  readonly from: string;
  readonly to: readonly string[];
  /** Header fields in order, unfolded. */
  readonly headers: readonly (readonly [string, string])[];
  readonly raw: string;
}

/**
 * What the server answers to a command (`GREETING`, `EHLO`, `AUTH`, `MAIL`, `RCPT`, `DATA`, `MESSAGE`), e.g. `450 4.2.1 later`;
 * undefined for the usual, `'silence'` for nothing at all, `'hang up'` to close the connection.
 */
export type SmtpScript = (command: string, line: string) => string | undefined;

const USUAL: Readonly<Record<string, string>> = {
  GREETING: '220 test.example ESMTP',
  AUTH: '235 2.7.0 welcome',
  DATA: '354 go on',
  MESSAGE: '250 2.0.0 taken',
  QUIT: '221 2.0.0 bye',
};

/** A mail server that keeps what it is sent (the part of RFC 5321 that clients use), on a port of its own. */
export class SmtpServer {
  readonly mails: ReceivedMail[] = [];
  /** Every command so far, without arguments. */
  readonly commands: string[] = [];
  connections = 0;
  script: SmtpScript = () => undefined;
  private readonly sockets = new Set<Socket>();

  private constructor(private readonly server: Server) {}

  static async start(): Promise<SmtpServer> {
    const server = createServer();
    const smtp = new SmtpServer(server);
    server.on('connection', (socket) => smtp.serve(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return smtp;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private serve(socket: Socket): void {
    this.connections += 1;
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.setEncoding('utf8');
    let rest = '';
    let message: string[] | undefined;
    let from = '';
    let to: string[] = [];
    const answer = (command: string, line: string): string => {
      this.commands.push(command);
      const usual =
        command === 'EHLO' ? '250-test.example\r\n250 AUTH PLAIN LOGIN' : (USUAL[command] ?? '250 2.1.0 fine');
      const reply = this.script(command, line) ?? usual;
      if (reply === 'hang up') socket.destroy();
      else if (reply !== 'silence') socket.write(`${reply}\r\n`);
      return reply;
    };
    const take = (line: string) => {
      if (message) {
        if (line !== '.') {
          message.push(line.startsWith('.') ? line.slice(1) : line);
          return;
        }
        const raw = message.join('\r\n');
        message = undefined;
        if (answer('MESSAGE', '').startsWith('2')) this.mails.push({ from, to, headers: headersOf(raw), raw });
        return;
      }
      const command = (/^[A-Za-z]+/.exec(line)?.[0] ?? '').toUpperCase();
      const reply = answer(command, line);
      if (!/^[23]/.test(reply)) return;
      const address = /<([^>]*)>/.exec(line)?.[1] ?? '';
      if (command === 'MAIL') [from, to] = [address, []];
      if (command === 'RCPT') to.push(address);
      if (command === 'DATA') message = [];
      if (command === 'QUIT') socket.end();
    };
    socket.on('data', (text: string) => {
      const lines = (rest + text).split('\r\n');
      rest = lines.pop() ?? '';
      for (const line of lines) take(line);
    });
    answer('GREETING', '');
  }
}

function headersOf(raw: string): [string, string][] {
  const section = raw.slice(0, raw.indexOf('\r\n\r\n')).replace(/\r\n[ \t]+/g, ' ');
  return section.split('\r\n').map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
}
