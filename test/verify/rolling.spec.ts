import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Balancer } from './support/balancer.js';
import { PATIENCE_MS, until } from './support/conditions.js';
import { Fleet } from './support/fleet.js';
import { Follower } from './support/follower.js';
import { call, type Person, register } from './support/people.js';
import { type Errand, Traffic } from './support/traffic.js';

/** Two of each: one serves while the other is replaced. The gateways come last. */
const PROCESSES = ['auth', 'user', 'project', 'file', 'notification', 'gateway'].flatMap((name) => [name, name]);
const CLIENTS = 64;
const REQUESTS = 5_000;

let fleet: Fleet;
let balancer: Balancer;

beforeAll(async () => {
  fleet = await Fleet.start({ processes: PROCESSES });
  balancer = await Balancer.open(fleet.of('gateway'));
}, 2 * PATIENCE_MS);

afterAll(async () => {
  await balancer?.close();
  await fleet?.close();
}, PATIENCE_MS);

function form(n: number): { type: string; bytes: Buffer } {
  const boundary = 'a-boundary-of-these-tests';
  const head = `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="note-${n}.txt"\r\nContent-Type: text/plain\r\n\r\n`;
  return {
    type: `multipart/form-data; boundary=${boundary}`,
    bytes: Buffer.from(`${head}Note ${n}\r\n--${boundary}--\r\n`),
  };
}

/** Every service is asked and told something, directly and through another one. */
function errands({ email, password }: Person, project: string): Errand[] {
  return [
    { method: 'GET', path: '/api/v1/users/me', status: 200 },
    { method: 'POST', path: '/api/v1/projects', status: 201, body: (n) => ({ name: `Project ${n}` }) },
    { method: 'GET', path: `/api/v1/projects/${project}`, status: 200 },
    { method: 'POST', path: '/api/v1/notifications/read-all', status: 200 },
    { method: 'GET', path: `/api/v1/files?project_id=${project}&limit=1`, status: 200 },
    { method: 'POST', path: '/api/v1/files', status: 201, body: form },
    { method: 'GET', path: '/api/v1/notifications?limit=1', status: 200 },
    { method: 'POST', path: '/api/v1/auth/login', status: 200, body: () => ({ email, password }) },
    { method: 'GET', path: '/api/v1/auth/sessions?limit=1', status: 200 },
  ];
}

describe('a rolling restart', () => {
  test(
    'of every service and of both gateways fails no request, and breaks no live stream off',
    async () => {
      const { url } = balancer;
      const ada = await register(url);
      const body = { name: 'Engine' };
      const project = await call<{ id: string }>(url, 'POST', '/api/v1/projects', { token: ada.token, body });
      const follower = new Follower(url, ada.token);
      const traffic = new Traffic({
        url,
        token: ada.token,
        clients: CLIENTS,
        errands: errands(ada, project.data.id),
        pauseMs: 800,
      });
      await until(() => traffic.requests > CLIENTS && follower.opened === 1, 'clients are at work');
      for (const instance of fleet.instances) {
        await until(() => balancer.inRotation === 2, 'both gateways take clients');
        const before = traffic.requests;
        await instance.restart();
        // The next one goes only after this one was there for many requests.
        await until(() => traffic.requests > before + CLIENTS, 'requests go on');
      }
      await until(() => traffic.requests >= REQUESTS, 'enough requests');
      await traffic.stop();
      follower.stop();
      expect([traffic.failures, follower.faults]).toEqual([[], []]);
      expect(traffic.posts).toBeGreaterThan(REQUESTS / 3);
      // Its gateway and its instance of the service were replaced.
      expect(follower.ended).toBeGreaterThanOrEqual(2);
    },
    4 * PATIENCE_MS,
  );
});
