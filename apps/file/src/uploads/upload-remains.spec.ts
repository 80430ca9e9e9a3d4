import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { type ProjectAccess, ProjectDirectory } from '@nexus/contracts';
import { uuidv7 } from '@nexus/kernel';
import { startTestApp, type TestApp } from '@nexus/testing';
import { fileService } from '../index.js';
import { UploadLedger } from './upload-ledger.service.js';
import { UploadsRepository } from './uploads.repository.js';

class NoProjects extends ProjectDirectory {
  async access(): Promise<ProjectAccess> {
    return { role: null };
  }
}

const BODY = '--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nNote\r\n--b--\r\n';

let app: TestApp;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nexus-remains-'));
  app = await startTestApp({
    services: [fileService],
    doubles: [{ port: ProjectDirectory, instance: new NoProjects() }],
    env: { NEXUS_DATA_DIR: folder },
  });
}, 30_000);

afterAll(async () => {
  await app.stop();
  await rm(folder, { recursive: true });
});

afterEach(() => jest.restoreAllMocks());

const gone = () => Promise.reject(Object.assign(new Error('Connection terminated unexpectedly'), { code: '08006' }));

/** Sends the same upload until it is answered with something else than that it is under way. */
async function sendUntilTaken(userId: string): Promise<string[]> {
  const seen: string[] = [];
  const end = Date.now() + 10_000;
  do {
    const { status, body } = await app.call('POST', '/api/v1/files', {
      token: app.token({ sub: userId }),
      body: BODY,
      headers: { 'content-type': 'multipart/form-data; boundary=b', 'idempotency-key': 'once' },
    });
    seen.push(`${status} ${body.details?.[0]?.code ?? ''}`.trim());
    if (seen.at(-1) !== '409 idempotency_in_progress') return seen;
    await new Promise((wake) => setTimeout(wake, 50));
  } while (Date.now() < end);
  return seen;
}

describe('an upload that failed while the database was away', () => {
  it.each([
    ['at its end', () => jest.spyOn(UploadLedger.prototype, 'complete').mockImplementationOnce(gone)],
    [
      'at its beginning, of which nobody knows whether it was written down',
      () => {
        const { begin } = UploadsRepository.prototype;
        jest.spyOn(UploadsRepository.prototype, 'begin').mockImplementationOnce(async function (
          this: UploadsRepository,
          ...values: Parameters<typeof begin>
        ) {
          await begin.apply(this, values);
          return gone();
        });
      },
    ],
  ])('lets go of its key as soon as the database is back (%s)', async (_, fail) => {
    const userId = uuidv7();
    fail();
    jest.spyOn(UploadLedger.prototype, 'discard').mockImplementationOnce(gone);
    const [first] = await sendUntilTaken(userId);
    expect(first).toMatch(/^50[03] /);
    const seen = await sendUntilTaken(userId);
    expect(seen[0]).toBe('409 idempotency_in_progress');
    expect(seen.at(-1)).toBe('201');
    const list = await app.call('GET', '/api/v1/files', { token: app.token({ sub: userId }) });
    expect(list.body.page.total).toBe(1);
    const rows = await app.running.app.databases.get('file').query('SELECT object_key FROM file.uploads');
    expect(rows).toEqual([]);
  });
});
