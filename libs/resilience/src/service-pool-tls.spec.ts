import { createServer, type Server } from 'node:https';
import { type AddressInfo, connect as connectTcp, createServer as createTcpServer, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { TestAuthority } from '@nexus/testing';
import { request } from 'undici';
import { attachReload, peerServices, secureServerOptions } from './secure-server.js';
import { ServicePool } from './service-pool.js';
import type { ServicePoolOptions } from './service-pool-options.js';
import { TlsMaterial } from './tls-material.js';

jest.setTimeout(30_000);

const DOMAIN = { trustDomain: 'nexus.local' };

let authority: TestAuthority;
let gateway: TlsMaterial;
beforeAll(async () => {
  authority = await TestAuthority.create();
  gateway = TlsMaterial.fromPem(await authority.issue('gateway'), DOMAIN);
});

const cleanup: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of cleanup.splice(0).reverse()) await end();
});

interface Handshake {
  readonly serial: string;
  readonly resumed: boolean;
}

/** A service that answers with the name of its caller and keeps a list of handshakes. */
async function serve(material: TlsMaterial) {
  const handshakes: Handshake[] = [];
  let requests = 0;
  const server: Server = createServer(
    { ...secureServerOptions(material), keepAliveTimeout: 65_000 },
    (message, response) => {
      requests += 1;
      response.end([...peerServices(message.socket, material.trustDomain)][0] ?? 'nobody');
    },
  );
  attachReload(server, material);
  server.on('secureConnection', (socket: TLSSocket) => {
    const serial = socket.getPeerX509Certificate()?.serialNumber ?? '';
    handshakes.push({ serial, resumed: socket.isSessionReused() });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  cleanup.push(async () => {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  });
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, handshakes, requests: () => requests };
}

function open(options: Omit<ServicePoolOptions, 'service'>): ServicePool {
  const pool = new ServicePool({ service: 'user', material: gateway, ...options });
  cleanup.push(() => pool.destroy());
  return pool;
}

async function ask(pool: ServicePool, headers: Record<string, string> = {}): Promise<string> {
  try {
    const { statusCode, body } = await request('http://user/', { dispatcher: pool, headers });
    return `${statusCode} ${await body.text()}`;
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}

const userMaterial = async () => TlsMaterial.fromPem(await authority.issue('user'), DOMAIN);

describe('a pool over TLS', () => {
  test('proves who calls, and resumes sessions', async () => {
    const { url, handshakes } = await serve(await userMaterial());
    const pool = open({ urls: url });
    expect(await ask(pool)).toBe('200 gateway');
    expect(await Promise.all(Array.from({ length: 8 }, () => ask(pool)))).toEqual(Array(8).fill('200 gateway'));
    expect(handshakes[0]?.resumed).toBe(false);
    expect(handshakes.filter(({ resumed }) => resumed).length).toBeGreaterThan(3);
  });

  test('keeps its connections whatever the Host of the requests', async () => {
    const { url, handshakes } = await serve(await userMaterial());
    const pool = open({ urls: url });
    for (let turn = 0; turn < 10; turn += 1) expect(await ask(pool, { host: `${turn}.example` })).toBe('200 gateway');
    expect(handshakes.length).toBeLessThanOrEqual(2);
  });

  test('needs no host name in the certificate of the service', async () => {
    const user = await authority.issue('user', {
      names: [{ type: 'url', value: 'spiffe://nexus.local/ns/a/sa/user' }],
    });
    const { url } = await serve(TlsMaterial.fromPem(user, DOMAIN));
    const named = url.replace('127.0.0.1', 'user.test');
    expect(await ask(open({ urls: named, lookup: async () => ['127.0.0.1'] }))).toBe('200 gateway');
  });

  test('sends nothing to another service', async () => {
    const auth = await serve(TlsMaterial.fromPem(await authority.issue('auth'), DOMAIN));
    expect(await ask(open({ urls: auth.url }))).toBe('UPSTREAM_IDENTITY');
    const user = await serve(await userMaterial());
    const pool = open({ urls: [auth.url, user.url] });
    for (let turn = 0; turn < 10; turn += 1) expect(await ask(pool)).toBe('200 gateway');
    expect(auth.requests()).toBe(0);
  });

  test('sends nothing to a service of another authority or trust domain', async () => {
    const foreign = await TestAuthority.create('Foreign CA');
    const material = TlsMaterial.fromPem(await foreign.issue('user'), DOMAIN);
    const stranger = await serve(material);
    expect(await ask(open({ urls: stranger.url }))).toBe('UPSTREAM_CONNECT');
    const elsewhere = await authority.issue('user', { trustDomain: 'elsewhere' });
    const neighbour = await serve(TlsMaterial.fromPem(elsewhere, { trustDomain: 'elsewhere' }));
    expect(await ask(open({ urls: neighbour.url }))).toBe('UPSTREAM_IDENTITY');
    expect(stranger.requests() + neighbour.requests()).toBe(0);
  });

  test('gives up on a peer that accepts and says nothing', async () => {
    const sockets = new Set<Socket>();
    const silent = createTcpServer((socket) => void sockets.add(socket));
    await new Promise<void>((listening) => silent.listen(0, '127.0.0.1', listening));
    cleanup.push(async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((closed) => silent.close(closed));
    });
    const url = `https://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    expect(await ask(open({ urls: url, connectTimeoutMs: 50 }))).toBe('UPSTREAM_CONNECT');
  });

  test('is patient with a peer that takes the connection and is slow to shake hands', async () => {
    const service = await serve(await userMaterial());
    const { port } = new URL(service.url);
    const slow = createTcpServer({ pauseOnConnect: true }, (near) => {
      const far = connectTcp(Number(port), '127.0.0.1');
      for (const socket of [near, far]) socket.on('error', () => undefined);
      const timer = setTimeout(() => near.pipe(far).pipe(near), 800);
      near.once('close', () => {
        clearTimeout(timer);
        far.destroy();
      });
    });
    await new Promise<void>((listening) => slow.listen(0, '127.0.0.1', listening));
    cleanup.push(() => new Promise((closed) => slow.close(closed)));
    const url = `https://127.0.0.1:${(slow.address() as AddressInfo).port}`;
    expect(await ask(open({ urls: url, connectTimeoutMs: 600, replay: false }))).toBe('200 gateway');
  });

  test('is refused without an identity', () => {
    expect(() => new ServicePool({ service: 'user', urls: 'https://user.test:1' })).toThrow(
      'The service user is reached over https, so TLS_CERT, TLS_KEY and TLS_CA are needed',
    );
  });
});

describe('rotation under continuous requests', () => {
  type Rotation = (
    server: TlsMaterial,
    client: TlsMaterial,
    more: (requests: number) => Promise<void>,
  ) => Promise<void>;

  async function until(condition: () => boolean, what: string): Promise<void> {
    const deadline = Date.now() + 20_000;
    while (!condition()) {
      if (Date.now() > deadline) throw new Error(`not in 20 s: ${what}`);
      await new Promise((later) => setTimeout(later, 5));
    }
  }

  /** Asks 200 times a second while `rotate` runs, and until a connection shows the last identity of the client. */
  async function underLoad(rotate: Rotation) {
    const server = await userMaterial();
    const client = TlsMaterial.fromPem(await authority.issue('gateway'), DOMAIN);
    const { url, handshakes } = await serve(server);
    const pool = open({ urls: url, material: client });
    const answers: Promise<string>[] = [];
    const load = setInterval(() => answers.push(ask(pool)), 5);
    try {
      await rotate(server, client, (requests) => {
        const goal = answers.length + requests;
        return until(() => answers.length >= goal, `${requests} more requests`);
      });
      const last = client.identity.serialNumber;
      await until(() => handshakes.at(-1)?.serial === last, 'the last identity is shown');
    } finally {
      clearInterval(load);
    }
    expect(new Set(await Promise.all(answers))).toEqual(new Set(['200 gateway']));
    expect(answers.length).toBeGreaterThan(300);
    return handshakes;
  }

  test('changes of the leaves fail no request and are seen at once', async () => {
    const serials: string[] = [];
    const handshakes = await underLoad(async (server, client, more) => {
      for (let turn = 0; turn < 10; turn += 1) {
        await more(20);
        server.replace(await authority.issue('user'));
        await more(20);
        client.replace(await authority.issue('gateway'));
        serials.push(client.identity.serialNumber);
      }
      await more(20);
    });
    const seen = new Set(handshakes.map(({ serial }) => serial));
    for (const serial of serials) expect(seen).toContain(serial);
  });

  test('a change of the root fails no request', async () => {
    const next = await TestAuthority.create('Next CA');
    const both = authority.pem + next.pem;
    await underLoad(async (server, client, more) => {
      const steps = [
        () => server.replace({ ...server.identity, ca: both }),
        () => client.replace({ ...client.identity, ca: both }),
        async () => server.replace({ ...(await next.issue('user')), ca: both }),
        async () => client.replace({ ...(await next.issue('gateway')), ca: both }),
        () => server.replace({ ...server.identity, ca: next.pem }),
        () => client.replace({ ...client.identity, ca: next.pem }),
      ];
      for (const step of steps) {
        await more(50);
        await step();
      }
      await more(50);
    });
  });
});
