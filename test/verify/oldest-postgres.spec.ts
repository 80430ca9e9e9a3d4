import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { describeFound } from '../support/describe-found.js';
import { Fleet } from './support/fleet.js';
import { hasOldestPostgres, OldestPostgres } from './support/oldest-postgres.js';
import { call, register, signIn } from './support/people.js';

const found = hasOldestPostgres()
  ? {}
  : { missing: 'no PostgreSQL 15 (apt-get install postgresql-15)', expected: true };

const { NEXUS_TEST_DATABASE_URL } = process.env;
let postgres: OldestPostgres | undefined;
let fleet: Fleet | undefined;

describeFound('PostgreSQL 15, the oldest that is supported', found, () => {
  beforeAll(async () => {
    postgres = await OldestPostgres.start();
    process.env.NEXUS_TEST_DATABASE_URL = postgres.url;
    fleet = await Fleet.start({ processes: ['gateway', 'auth,user', 'project', 'file,notification'] });
  }, 180_000);

  afterAll(async () => {
    await fleet?.close();
    await postgres?.stop();
    process.env.NEXUS_TEST_DATABASE_URL = NEXUS_TEST_DATABASE_URL;
  });

  test('takes every migration, once and again, and serves', async () => {
    const { url } = fleet as Fleet;
    const person = await register(url);
    const token = await signIn(url, person);
    const project = await call<{ id: string }>(url, 'POST', '/api/v1/projects', { token, body: { name: 'Engine' } });
    const form = new FormData();
    form.append('file', new Blob(['kept'], { type: 'text/plain' }), 'a.txt');
    const file = await call<{ id: string }>(url, 'POST', '/api/v1/files', { token, body: form });
    const list = await call<unknown[]>(url, 'GET', '/api/v1/projects', { token });
    expect([project.status, file.status, list.status, list.data.length]).toEqual([201, 201, 200, 1]);
    // Idempotent, also where all is there already.
    await expect((fleet as Fleet).migrate()).resolves.toBeUndefined();
  }, 60_000);
});
