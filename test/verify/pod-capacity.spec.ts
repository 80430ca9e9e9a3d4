import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type LoadKind, LoadProcess } from '@nexus/testing';
import { cpuMsOf } from '../../bench/machine.js';
import { PER_POD, type ServiceName } from '../../tools/capacity/per-pod.js';
import { POD } from '../../tools/pods/pod-limits.js';
import { describeFound } from '../support/describe-found.js';
import { call, type Person, register } from './support/people.js';
import { PodFleet, podLimits } from './support/pod-fleet.js';

/**
 * What one pod of each service does per second, the others not being held back: the figures that the capacity model rests
 * on. It is judged by what a request costs the pod, since what is asked of the machine elsewhere (its disk, its other
 * processor) makes a pod wait and not dearer. Machines differ: less than half of what the model says is wrong.
 */
const LEAST = 0.5;
/** At half a processor compiling what is hot takes its time. */
const WARM_SECONDS = 10;
const SECONDS = 6;
const CONNECTIONS = 100;
const FILE_BYTES = 64 * 1024;

let platform: PodFleet;
let person: Person;
let kinds: Readonly<Record<ServiceName, LoadKind[]>>;

async function prepareKinds(url: string): Promise<typeof kinds> {
  const { token, email, password } = person;
  const fresh = [`authorization: Bearer ${token}`, 'cache-control: no-cache'];
  const project = await call<{ id: string }>(url, 'POST', '/api/v1/projects', {
    token,
    body: { name: 'Capacity' },
  });
  const form = new FormData();
  form.append('file', new Blob([new Uint8Array(FILE_BYTES)], { type: 'application/octet-stream' }), 'a.bin');
  const file = await call<{ id: string }>(url, 'POST', '/api/v1/files', { token, body: form });
  expect([project.status, file.status]).toEqual([201, 201]);
  const get = (name: string, share: number, path: string): LoadKind => ({
    name,
    share,
    method: 'GET',
    path,
    fields: fresh,
  });
  const create: LoadKind = {
    name: 'write',
    share: 0.1,
    method: 'POST',
    path: '/api/v1/projects',
    fields: fresh,
    body: '{"name":"One of many"}',
  };
  const read = get('read', 1, `/api/v1/projects/${project.data.id}`);
  const login = { name: 'sign in', share: 1, method: 'POST', path: '/api/v1/auth/login' };
  return {
    gateway: [read],
    auth: [{ ...login, body: JSON.stringify({ email, password }) }],
    user: [get('me', 1, '/api/v1/users/me')],
    project: [{ ...read, share: 0.8 }, get('list', 0.1, '/api/v1/projects?limit=20'), create],
    file: [
      get('metadata', 0.5, `/api/v1/files/${file.data.id}`),
      get('download', 0.5, `/api/v1/files/${file.data.id}/content`),
    ],
    notification: [get('inbox', 1, '/api/v1/notifications')],
  };
}

describeFound('what a pod can do', podLimits, () => {
  beforeAll(async () => {
    // As in production.
    platform = await PodFleet.prepare({ ARGON2_MEMORY_KIB: '19456', ARGON2_TIME: '2', DATABASE_POOL_SIZE: '16' });
    platform.throttleOnly();
    const { fleet } = platform;
    await Promise.all(fleet.instances.map((instance) => instance.start()));
    person = await register(fleet.url);
    kinds = await prepareKinds(fleet.url);
  }, 180_000);

  afterAll(() => platform?.close());

  test.each(Object.keys(PER_POD) as ServiceName[])('%s', async (service) => {
    const load = await LoadProcess.start(platform.fleet.instances.at(-1)?.port as number, kinds[service], CONNECTIONS);
    platform.throttleOnly(service);
    try {
      await load.send(0, WARM_SECONDS);
      const { pids } = platform.pod(service);
      const before = cpuMsOf(pids);
      const { good, statuses, seconds } = await load.send(0, SECONDS);
      const cpuSeconds = (cpuMsOf(pids) - before) / 1_000;
      const answered = Object.values(good).reduce((sum, one) => sum + one, 0);
      const atMost = (answered / cpuSeconds) * POD.cpus;
      process.stdout.write(
        `${service}: ${(answered / seconds).toFixed(0)} requests/s, ${((1_000 * cpuSeconds) / answered).toFixed(2)} ms of CPU each: ${atMost.toFixed(0)} fill the pod (the model: ${PER_POD[service]})\n`,
      );
      expect(Object.keys(statuses).filter((status) => !['200', '201'].includes(status))).toEqual([]);
      expect(atMost).toBeGreaterThanOrEqual(LEAST * PER_POD[service]);
    } finally {
      platform.throttleOnly();
      await load.stop();
    }
  }, 60_000);
});
