import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { StartReport } from '@nexus/bootstrap';
import { ConfigError } from '@nexus/config';
import { UserDirectory } from '@nexus/contracts';
import { MemoryUserDirectory, startTestApp, type TestApp, testServiceContext } from '@nexus/testing';
import { AccountCreation } from '../accounts/account-creation.service.js';
import { AccountsRepository } from '../accounts/accounts.repository.js';
import { People } from '../accounts/people.service.js';
import type { AuthConfig } from '../auth.config.js';
import { authService } from '../index.js';
import { PasswordHasher } from '../passwords/password-hasher.service.js';
import { AdminBootstrap } from './admin-bootstrap.service.js';

let app: TestApp;

beforeAll(async () => {
  app = await startTestApp({
    services: [authService],
    doubles: [{ port: UserDirectory, instance: new MemoryUserDirectory() }],
    env: { ARGON2_MEMORY_KIB: '64', ARGON2_TIME: '1' },
  });
}, 30_000);

afterAll(async () => {
  await app.stop();
});

const get = <T>(token: abstract new (...args: never[]) => T): T =>
  app.running.app.nest.get(token as never, { strict: false });

function bootstrap(config: Partial<AuthConfig>, report = new StartReport()): AdminBootstrap {
  return new AdminBootstrap(
    app.running.app.databases.get('auth'),
    get(AccountsRepository),
    get(AccountCreation),
    get(PasswordHasher),
    get(People),
    report,
    config as AuthConfig,
  );
}

describe('AdminBootstrap', () => {
  it('does nothing unless both variables are set', async () => {
    expect(app.running.app.report.get('admin')).toBeUndefined();
    for (const config of [{}, { ADMIN_EMAIL: 'root@example.com' }, { ADMIN_PASSWORD: 'a long enough secret' }]) {
      const one = bootstrap(config);
      await one.onServiceStart(testServiceContext('auth'));
      expect(one.result).toBeUndefined();
    }
    expect(await get(AccountsRepository).byEmail('root@example.com')).toBeUndefined();
  });

  it('refuses a password that breaks the policy, in one sentence that does not tell it', async () => {
    const refused = bootstrap({ ADMIN_EMAIL: 'weak@example.com', ADMIN_PASSWORD: 'weak' }).onServiceStart(
      testServiceContext('auth'),
    );
    await expect(refused).rejects.toThrow(ConfigError);
    await expect(refused).rejects.toThrow(
      'The configuration is not usable: ADMIN_PASSWORD: The password must have at least 10 characters; ADMIN_PASSWORD: The password must not contain the name part of the e-mail address.',
    );
    expect(await get(AccountsRepository).byEmail('weak@example.com')).toBeUndefined();
  });

  it('makes one account although several processes start at once, and leaves it alone later', async () => {
    const config = { ADMIN_EMAIL: 'first@example.com', ADMIN_PASSWORD: 'a long enough secret' };
    const reports = Array.from({ length: 4 }, () => new StartReport());
    await Promise.all(reports.map((report) => bootstrap(config, report).onServiceStart(testServiceContext('auth'))));
    const results = reports.map((report) => report.get('admin') as { email: string; created: boolean });
    expect(results.map(({ email }) => email)).toEqual(Array.from({ length: 4 }, () => 'first@example.com'));
    expect(results.filter(({ created }) => created)).toHaveLength(1);
    const before = await get(AccountsRepository).byEmail('first@example.com');
    expect(before).toMatchObject({ role: 'admin', emailVerified: true, status: 'active' });
    const later = bootstrap({ ...config, ADMIN_PASSWORD: 'another long enough secret' });
    await later.onServiceStart(testServiceContext('auth'));
    expect(later.result).toEqual({ email: 'first@example.com', created: false });
    expect(await get(AccountsRepository).byEmail('first@example.com')).toEqual(before);
  });

  it('makes no further admin for another address', async () => {
    const later = bootstrap({ ADMIN_EMAIL: 'second@example.com', ADMIN_PASSWORD: 'a long enough secret' });
    await later.onServiceStart(testServiceContext('auth'));
    expect(later.result).toEqual({ email: 'second@example.com', created: false });
    expect(await get(AccountsRepository).byEmail('second@example.com')).toBeUndefined();
  });
});
