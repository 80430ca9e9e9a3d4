import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { PATIENCE_MS, until } from './support/conditions.js';
import { Fleet } from './support/fleet.js';
import { register } from './support/people.js';
import { Traffic } from './support/traffic.js';

/** Requests per second that are made when it begins. */
const LEAST_RATE = 100;

let fleet: Fleet;

beforeAll(async () => {
  fleet = await Fleet.start({ processes: ['gateway', 'auth,user', 'project,file,notification'] });
}, 2 * PATIENCE_MS);

afterAll(() => fleet?.close(), PATIENCE_MS);

const read = (identity: string, file: string) => readFileSync(join(fleet.tlsFolder, identity, file), 'utf8');
const serialOnFile = (identity: string) => new X509Certificate(read(identity, 'cert.pem')).serialNumber;

/** Shakes hands with a listener as the gateway would. @returns the serial number that it shows, or why it did not */
function serialShown(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({
      host: '127.0.0.1',
      port,
      cert: read('gateway', 'cert.pem'),
      key: read('gateway', 'key.pem'),
      ca: readFileSync(join(fleet.tlsFolder, 'ca.pem'), 'utf8'),
      checkServerIdentity: () => undefined,
    });
    socket.once('secureConnect', () => {
      resolve(socket.getPeerX509Certificate()?.serialNumber ?? 'none');
      socket.destroy();
    });
    socket.once('error', (error) => resolve(error.message));
  });
}

/** Whether a listener answers whoever shows this identity. A refusal comes after the handshake (RFC 8446 section 4.4.2). */
function isLetIn(port: number, identity: { readonly cert: string; readonly key: string }): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({
      host: '127.0.0.1',
      port,
      ...identity,
      ca: readFileSync(join(fleet.tlsFolder, 'ca.pem'), 'utf8'),
      checkServerIdentity: () => undefined,
    });
    socket.once('secureConnect', () => socket.write('GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n'));
    socket.once('data', () => {
      resolve(true);
      socket.destroy();
    });
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });
}

/** Does it while requests are made. @returns what was made, once new handshakes show what is on file */
async function underTraffic(work: () => Promise<void>, isTakenUp?: () => Promise<boolean>): Promise<Traffic> {
  const ada = await register(fleet.url);
  const traffic = new Traffic({
    url: fleet.url,
    token: ada.token,
    clients: 32,
    errands: [
      { method: 'GET', path: '/api/v1/users/me', status: 200 },
      { method: 'POST', path: '/api/v1/projects', status: 201, body: (n) => ({ name: `Project ${n}` }) },
      { method: 'GET', path: '/api/v1/auth/sessions?limit=1', status: 200 },
      { method: 'GET', path: '/api/v1/files/usage', status: 200 },
      { method: 'POST', path: '/api/v1/notifications/read-all', status: 200 },
    ],
    pauseMs: 150,
  });
  await until(() => traffic.rate >= LEAST_RATE, `${LEAST_RATE} requests are made in a second`);
  const before = traffic.requests;
  await work();
  expect(traffic.requests).toBeGreaterThan(before);
  for (const [targets, service] of [
    ['auth,user', 'auth'],
    ['auth,user', 'user'],
    ['project,file,notification', 'project'],
    ['project,file,notification', 'notification'],
  ] as const) {
    const onFile = serialOnFile(targets.replaceAll(',', '+'));
    const port = fleet.one(targets).internalPort(service);
    await until(async () => (await serialShown(port)) === onFile, `${service} shows its new certificate`);
  }
  await until(async () => (await isTakenUp?.()) ?? true, 'everybody has taken it up');
  const after = traffic.requests;
  await until(() => traffic.requests > after + 200, 'requests go on');
  await traffic.stop();
  return traffic;
}

describe('while requests are made', () => {
  test(
    'new leaves are taken up by gateway and services, and no request fails',
    async () => {
      const before = ['gateway', 'auth+user'].map(serialOnFile);
      const traffic = await underTraffic(() => fleet.rotate('leaf'));
      expect(['gateway', 'auth+user'].map(serialOnFile)).not.toEqual(before);
      expect(traffic.failures).toEqual([]);
    },
    2 * PATIENCE_MS,
  );

  test(
    'a new root replaces the old one, and no request fails',
    async () => {
      const [cert, key] = [read('gateway', 'cert.pem'), read('gateway', 'key.pem')];
      const ports = ['auth', 'user'].map((service) => fleet.one('auth,user').internalPort(service));
      expect(await Promise.all(ports.map((port) => isLetIn(port, { cert, key })))).toEqual([true, true]);
      const traffic = await underTraffic(
        () => fleet.rotate('root'),
        async () => (await Promise.all(ports.map((port) => isLetIn(port, { cert, key })))).every((isIn) => !isIn),
      );
      expect(traffic.failures).toEqual([]);
    },
    2 * PATIENCE_MS,
  );
});
