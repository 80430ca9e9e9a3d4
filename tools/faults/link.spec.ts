import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { freePort } from '../test/free-ports.ts';
import { Link } from './link.ts';

const DELAY_MS = 60;

/** Sends back what it gets, and ends when its client does. */
let echo: Server;
let link: Link;
const clients: Socket[] = [];

beforeEach(async () => {
  echo = createServer({ allowHalfOpen: true }, (socket) => socket.on('error', () => undefined).pipe(socket));
  await once(echo.listen(0, '127.0.0.1'), 'listening');
  link = new Link(await freePort());
  await link.up((echo.address() as AddressInfo).port);
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  link.close();
  await once(echo.close(), 'close');
});

async function connect(): Promise<Socket> {
  const client = createConnection({ port: link.port, host: '127.0.0.1', allowHalfOpen: true });
  clients.push(client);
  await once(client, 'connect');
  client.on('error', () => undefined);
  return client;
}

/** What comes back, and how long it took in ms. */
async function say(client: Socket, text: string): Promise<[string, number]> {
  const from = performance.now();
  client.write(text);
  const [chunk] = (await once(client, 'data')) as [Buffer];
  return [chunk.toString(), performance.now() - from];
}

describe('a link', () => {
  test('passes everything, in order, and ends as both sides do', async () => {
    const client = await connect();
    const sent = Buffer.alloc(3_000_000, 'abcdefghij');
    const chunks: Buffer[] = [];
    client.on('data', (chunk: Buffer) => chunks.push(chunk));
    client.end(sent);
    await once(client, 'end');
    expect(Buffer.concat(chunks).equals(sent)).toBe(true);
  });

  test('is as far away as it is told to be, in both directions', async () => {
    const client = await connect();
    expect((await say(client, 'near'))[0]).toBe('near');
    link.delay(DELAY_MS);
    const [text, ms] = await say(client, 'far');
    expect(text).toBe('far');
    expect(ms).toBeGreaterThanOrEqual(2 * DELAY_MS - 5);
    // What is sent when it is near again does not overtake what is still on its way.
    const received: string[] = [];
    client.on('data', (chunk: Buffer) => received.push(chunk.toString()));
    client.write('1');
    await new Promise((resolve) => setTimeout(resolve, 10));
    link.delay(0);
    client.end('2');
    await once(client, 'end');
    expect(received.join('')).toBe('12');
  });

  test('lets nothing pass while it is cut, and then its connections are gone', async () => {
    const before = await connect();
    await say(before, 'hello');
    link.cut();
    const during = await connect();
    let came = 0;
    for (const client of [before, during]) {
      client.on('data', () => {
        came += 1;
      });
      client.write('lost');
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(came).toBe(0);
    const closed = [before, during].map((client) => new Promise((resolve) => client.once('close', resolve)));
    link.mend();
    await Promise.all(closed);
    expect(came).toBe(0);
    expect((await say(await connect(), 'again'))[0]).toBe('again');
  });

  test('takes no connections while nobody is behind it', async () => {
    link.down();
    await expect(connect()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await link.up((echo.address() as AddressInfo).port);
    expect((await say(await connect(), 'back'))[0]).toBe('back');
  });
});
