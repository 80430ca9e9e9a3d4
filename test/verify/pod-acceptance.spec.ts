import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { describeFound } from '../support/describe-found.js';
import { PodFleet, podLimits } from './support/pod-fleet.js';

const root = resolve(import.meta.dirname, '../..');
const ADMIN = { email: 'admin@example.test', password: 'Lantern-of-these-tests-only' };

/** What the suite asks for (test/acceptance/README.md), and the limits of the contract. */
const SETTINGS = {
  NEXUS_ENV: 'development',
  ADMIN_EMAIL: ADMIN.email,
  ADMIN_PASSWORD: ADMIN.password,
  TRUSTED_PROXIES: '127.0.0.1',
  CORS_ORIGINS: 'https://app.example.test',
  LOG_LEVEL: undefined,
  LOG_REQUESTS: undefined,
  DATABASE_POOL_SIZE: undefined,
  GATEWAY_CONNECTIONS_PER_ADDRESS: undefined,
  GATEWAY_REQUESTS_PER_CONNECTION: undefined,
  RATE_LIMIT_ANONYMOUS: undefined,
  RATE_LIMIT_USER: undefined,
  RATE_LIMIT_ADDRESS: undefined,
  RATE_LIMIT_SIGN_IN: undefined,
};

let platform: PodFleet;

describeFound('six pods of half a processor and 512 MiB', podLimits, () => {
  beforeAll(async () => {
    platform = await PodFleet.prepare(SETTINGS);
    await Promise.all(platform.fleet.instances.map((instance) => instance.start()));
  }, 180_000);

  afterAll(() => platform?.close());

  test('serve the acceptance suite', async () => {
    const { instances, url } = platform.fleet;
    const suite = spawn(process.execPath, ['tools/test/main.ts', 'acceptance'], {
      cwd: root,
      stdio: 'inherit',
      env: {
        ...process.env,
        NEXUS_BASE_URL: url,
        NEXUS_MANAGEMENT_URL: instances
          .map(({ managementPort }) => `http://127.0.0.1:${managementPort}`)
          .reverse()
          .join(','),
        NEXUS_ADMIN_EMAIL: ADMIN.email,
        NEXUS_ADMIN_PASSWORD: ADMIN.password,
      },
    });
    expect(await once(suite, 'exit')).toEqual([0, null]);
    const used = [...platform.pods].map(([service, pod]) => [service, pod.usage] as const);
    process.stdout.write(
      `memory at most, in MiB: ${used.map(([service, { peakBytes }]) => `${service} ${Math.round(peakBytes / 1024 ** 2)}`).join(', ')}\n`,
    );
    expect(used.filter(([, { killed }]) => killed > 0)).toEqual([]);
    expect(instances.filter(({ hasEnded }) => hasEnded)).toEqual([]);
  }, 600_000);
});
