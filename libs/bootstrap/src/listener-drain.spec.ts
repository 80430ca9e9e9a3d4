import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { eventually } from '@nexus/testing';
import { type DrainOptions, drainListeners, ListenerDrain } from './listener-drain.js';

const OPTIONS: DrainOptions = { idleMs: 10_000, timeoutMs: 20_000, running: () => 0, look: () => undefined };

/** A connection, what it got, and how it ended. */
class Client {
  text = '';
  state: 'open' | 'ended' | 'cut' = 'open';
  endedAt = 0;

  private constructor(readonly socket: Socket) {
    socket.setEncoding('utf8').on('data', (part: string) => {
      this.text += part;
    });
    socket.on('error', () => undefined);
    socket.once('close', (hadError) => {
      this.state = hadError ? 'cut' : 'ended';
      this.endedAt = performance.now();
    });
  }

  static async open(port: number): Promise<Client> {
    const client = new Client(connect(port, '127.0.0.1'));
    await once(client.socket, 'connect');
    return client;
  }

  get answers(): number {
    return this.text.split('HTTP/1.1 200').length - 1;
  }

  async ask(): Promise<void> {
    const { answers } = this;
    this.socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await eventually(() => this.answers > answers || this.state !== 'open', 'it is answered');
  }
}

let server: Server;
let drain: ListenerDrain;
let port: number;
let clients: Client[];
let accepted: Socket[];
/** Requests that wait for their answer. */
let waiting: ServerResponse[];
let holding: boolean;
let stopping: boolean;

beforeEach(async () => {
  [clients, accepted, waiting, holding, stopping] = [[], [], [], false, false];
  server = createServer({ keepAliveTimeout: 60_000 }, (_request, response) => {
    if (stopping) response.setHeader('Connection', 'close');
    if (holding) waiting.push(response);
    else response.end('ok');
  });
  server.on('connection', (socket) => accepted.push(socket));
  drain = new ListenerDrain(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  port = (server.address() as AddressInfo).port;
});

afterEach(() => {
  for (const { socket } of clients) socket.destroy();
  drain.cut();
  server.close();
});

async function open(): Promise<Client> {
  const client = await Client.open(port);
  clients.push(client);
  return client;
}

async function stop(options: Partial<DrainOptions> = {}) {
  stopping = true;
  const done = { left: undefined as number | undefined };
  void drainListeners([drain], { ...OPTIONS, ...options }).then((left) => {
    done.left = left;
  });
  await eventually(() => !server.listening, 'it listens no more');
  return done;
}

describe('the end of a listener', () => {
  test('leaves idle connections to their clients, serves what they still send, and takes no new ones', async () => {
    const [one, other] = [await open(), await open()];
    await Promise.all([one.ask(), other.ask()]);
    const done = await stop();
    await expect(Client.open(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await one.ask();
    expect([one.answers, one.text.match(/connection: close/gi)?.length]).toEqual([2, 1]);
    await eventually(() => one.state === 'ended', 'its connection ends with the answer');
    expect([other.state, done.left]).toEqual(['open', undefined]);
    other.socket.end();
    await eventually(() => done.left === 0, 'it is over as soon as they have left');
  });

  test('closes idle connections after their time, and those that never said anything', async () => {
    const [idle, silent] = [await open(), await open()];
    await idle.ask();
    const from = performance.now();
    const done = await stop({ idleMs: 300 });
    await eventually(() => done.left === 0, 'it is over');
    await eventually(() => clients.every(({ state }) => state !== 'open'), 'they know');
    expect(Math.min(idle.endedAt, silent.endedAt) - from).toBeGreaterThan(290);
    expect([idle.state, silent.state]).toEqual(['ended', 'ended']);
  });

  test('waits for requests that run, and for idle connections no longer than for these', async () => {
    const busy = await open();
    holding = true;
    const asked = busy.ask();
    await eventually(() => waiting.length === 1, 'it runs');
    let running = 1;
    const done = await stop({ idleMs: 0, running: () => running });
    const idleFor = performance.now() + 1_500;
    await eventually(() => performance.now() > idleFor, 'more time than a head may take');
    expect([busy.state, done.left]).toEqual(['open', undefined]);
    waiting[0]?.end('ok');
    running = 0;
    await asked;
    await eventually(() => done.left === 0, 'it is over');
    await eventually(() => busy.state !== 'open', 'it knows');
    expect([busy.answers, busy.state]).toEqual([1, 'ended']);
  });

  test('lets a head that has begun to come come to its end', async () => {
    const client = await open();
    client.socket.write('GET / HTTP/1.1\r\nHost: local');
    await eventually(() => (accepted.at(-1)?.bytesRead ?? 0) > 0, 'it is there');
    const done = await stop({ idleMs: 0 });
    client.socket.write('host\r\n\r\n');
    await eventually(() => done.left === 0, 'it is over');
    await eventually(() => client.state !== 'open', 'it knows');
    expect([client.answers, client.state]).toEqual([1, 'ended']);
  });

  test('does not wait for ever for a head, nor for a request: what is left is cut off, and counted', async () => {
    const half = await open();
    half.socket.write('GET / HTTP/1.1\r\nHost: local');
    await eventually(() => (accepted.at(-1)?.bytesRead ?? 0) > 0, 'it is there');
    const from = performance.now();
    const done = await stop({ idleMs: 0 });
    await eventually(() => done.left === 0, 'it is over');
    expect(performance.now() - from).toBeLessThan(OPTIONS.idleMs);

    await once(server.listen(0, '127.0.0.1'), 'listening');
    port = (server.address() as AddressInfo).port;
    const stuck = await open();
    holding = true;
    void stuck.ask();
    await eventually(() => waiting.length === 1, 'it runs');
    const cut = await stop({ timeoutMs: 200, idleMs: 0, running: () => 1 });
    await eventually(() => cut.left === 1, 'it is cut off');
    await eventually(() => stuck.state !== 'open', 'it knows');
    expect(stuck.answers).toBe(0);
  });

  test('looks again and again at what would not end by itself', async () => {
    const client = await open();
    await client.ask();
    let looks = 0;
    const done = await stop({ idleMs: 300, look: () => looks++ });
    await eventually(() => done.left === 0, 'it is over');
    expect(looks).toBeGreaterThan(3);
  });
});
