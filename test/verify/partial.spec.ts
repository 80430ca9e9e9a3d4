import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { freePort } from '../../tools/test/free-ports.js';
import { PATIENCE_MS, until } from './support/conditions.js';
import { Fleet } from './support/fleet.js';
import { call, type Person, register, signIn } from './support/people.js';
import { Traffic } from './support/traffic.js';

const EDGE = 'gateway,auth,user';

let fleet: Fleet;
let ada: Person;

beforeAll(async () => {
  const deadPort = await freePort();
  fleet = await Fleet.start({
    processes: [EDGE, 'project', 'file', 'notification'],
    strayUrls: { file: `https://127.0.0.1:${deadPort}` },
  });
  ada = await register(fleet.url);
}, 2 * PATIENCE_MS);

afterAll(() => fleet?.close(), PATIENCE_MS);

const ask = <T = unknown>(method: string, path: string, body?: object, token = ada.token) =>
  call<T>(fleet.url, method, path, { token, ...(body ? { body } : {}) });

function note(text: string): FormData {
  const form = new FormData();
  form.set('file', new Blob([text], { type: 'text/plain' }), 'note.txt');
  return form;
}

describe('some services in one process, the others by themselves', () => {
  test(
    'are one platform: people, projects, files, and what one tells another',
    async () => {
      const token = await signIn(fleet.url, ada);
      const me = await ask<{ id: string }>('GET', '/api/v1/users/me', undefined, token);
      expect([me.status, me.data.id]).toEqual([200, ada.id]);
      const project = await ask<{ id: string }>('POST', '/api/v1/projects', { name: 'Engine' });
      expect(project.status).toBe(201);
      const form = note('It weaves.');
      form.set('project_id', project.data.id);
      const file = await ask<{ id: string }>('POST', '/api/v1/files', form);
      expect([file.status, file.code]).toEqual([201, undefined]);
      const content = await fetch(`${fleet.url}/api/v1/files/${file.data.id}/content`, {
        headers: { authorization: `Bearer ${ada.token}` },
      });
      expect(await content.text()).toBe('It weaves.');

      const grace = await register(fleet.url);
      const member = await ask('PUT', `/api/v1/projects/${project.data.id}/members/${grace.id}`, { role: 'viewer' });
      expect(member.status).toBe(200);
      await until(async () => {
        const { data } = await ask<{ category: string }[]>('GET', '/api/v1/notifications', undefined, grace.token);
        return data.some(({ category }) => category === 'project');
      }, 'the note in her inbox');
      expect((await ask('GET', `/api/v1/files/${file.data.id}`, undefined, grace.token)).status).toBe(200);
      await until(async () => {
        const readiness = await fleet.one(EDGE).readiness();
        return readiness?.status === 200 && readiness.missing.length === 0;
      }, 'it is ready, and nobody is missing');
    },
    PATIENCE_MS,
  );

  test(
    'serve every request although nobody listens at one of the addresses of a service',
    async () => {
      const traffic = new Traffic({
        url: fleet.url,
        token: ada.token,
        clients: 16,
        errands: [
          { method: 'GET', path: '/api/v1/files/usage', status: 200 },
          {
            method: 'POST',
            path: '/api/v1/files',
            status: 201,
            body: () => ({
              type: 'multipart/form-data; boundary=b',
              bytes: Buffer.from(
                '--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nNote\r\n--b--\r\n',
              ),
            }),
          },
        ],
        pauseMs: 20,
      });
      // Longer than the dead address is left alone at first, so that it is looked at again and again.
      const end = performance.now() + 2_500;
      await until(() => traffic.requests >= 300 && performance.now() > end, 'requests are made');
      await traffic.stop();
      expect(traffic.failures).toEqual([]);
    },
    PATIENCE_MS,
  );

  test(
    'go on without one that dies: its routes are answered with 503 until it is back',
    async () => {
      const project = fleet.one('project');
      const elsewhere = new Traffic({
        url: fleet.url,
        token: ada.token,
        clients: 8,
        errands: [
          { method: 'GET', path: '/api/v1/users/me', status: 200 },
          { method: 'GET', path: '/api/v1/files/usage', status: 200 },
          { method: 'POST', path: '/api/v1/notifications/read-all', status: 200 },
          { method: 'GET', path: '/api/v1/auth/sessions?limit=1', status: 200 },
        ],
        pauseMs: 50,
      });
      await until(() => elsewhere.requests > 20, 'requests are made');
      await project.kill();
      for (const [method, body] of [['GET'], ['POST', { name: 'Engine' }]] as const) {
        const { status, code, headers, ms } = await ask(method, '/api/v1/projects', body);
        expect([status, code, headers.get('retry-after')]).toEqual([
          503,
          'unavailable',
          expect.stringMatching(/^\d+$/),
        ]);
        expect(ms).toBeLessThan(10_000);
      }
      await until(async () => {
        const readiness = await fleet.one(EDGE).readiness();
        expect(readiness?.status).toBe(200);
        return readiness?.missing.join() === 'project';
      }, 'the gateway names it');
      const served = elsewhere.requests;
      await until(() => elsewhere.requests > served + 50, 'the others are served');
      await project.start();
      await until(async () => (await ask('GET', '/api/v1/projects')).status === 200, 'it is served again');
      await until(async () => (await fleet.one(EDGE).readiness())?.missing.length === 0, 'nobody is missing');
      await elsewhere.stop();
      expect(elsewhere.failures).toEqual([]);
      expect((await ask('POST', '/api/v1/projects', { name: 'Engine' })).status).toBe(201);
    },
    2 * PATIENCE_MS,
  );
});
