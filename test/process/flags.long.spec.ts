import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { describe, expect, test } from '@jest/globals';

/** The flags of the built entry point, as an operator types them. */
const main = resolve(import.meta.dirname, '../../dist/apps/main.js');
const SETTINGS = {
  DATABASE_URL: 'postgres://nexus:a-planted-password@127.0.0.1:1/nexus',
  AUTH_SECRET: 'a planted secret of forty characters, here',
};

const { NODE_COMPILE_CACHE } = process.env;
const compileCache = NODE_COMPILE_CACHE ? { NODE_COMPILE_CACHE } : {};

function run(args: readonly string[], env: Record<string, string> = SETTINGS) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    env: { PATH: process.env.PATH, ...compileCache, ...env },
    encoding: 'utf8',
    timeout: 30_000,
  });
  return { status, stdout, stderr };
}

describe('flags', () => {
  test('--list-targets names all and each service', () => {
    const { status, stdout } = run(['--list-targets']);
    expect(stdout.trim().split('\n')).toEqual(['all', 'gateway', 'auth', 'user', 'project', 'file', 'notification']);
    expect(status).toBe(0);
  });

  test('--check-config says that it is usable, or names every fault', () => {
    expect(run(['--check-config'])).toMatchObject({ status: 0, stdout: 'The configuration is usable.\n' });
    const { status, stderr } = run(['--check-config'], { PORT: 'many', RATE_LIMIT_USER: '-1' });
    expect(status).toBe(1);
    for (const name of ['PORT', 'RATE_LIMIT_USER', 'DATABASE_URL', 'AUTH_SECRET']) expect(stderr).toContain(`${name}:`);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  test('--print-config shows what is in force, secrets masked', () => {
    const { status, stdout } = run(['--print-config'], { ...SETTINGS, PORT: '9999' });
    expect(status).toBe(0);
    expect(stdout).toContain('PORT=9999\n');
    expect(stdout).toContain('AUTH_SECRET=********\n');
    expect(stdout).not.toContain('planted');
  });

  test.each([
    [['--target=nobody'], /^Unknown target nobody: choose all, or some of /],
    [
      ['--target=project'],
      /^The service (auth|user) runs elsewhere .*: set TLS_CERT, TLS_KEY and TLS_CA, or add \1 to --target\.$/,
    ],
    [['--bogus'], /Unknown option '--bogus'/],
    [['--migrate'], /^The database at DATABASE_URL does not answer/],
    [[], /^The database at DATABASE_URL does not answer/],
  ])('%j ends in one sentence and exit code 1', (args, sentence) => {
    const { status, stderr } = run(args);
    expect(status).toBe(1);
    expect(stderr.trim()).toMatch(sentence);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(stderr).not.toContain('planted');
  });

  test('--check-config names what does not go together: several gateways without Redis, production without a mail server', () => {
    const { status, stderr } = run(['--check-config'], {
      ...SETTINGS,
      GATEWAY_REPLICAS: '2',
      NEXUS_ENV: 'production',
    });
    expect(status).toBe(1);
    expect(stderr).toMatch(/GATEWAY_REPLICAS above 1 needs REDIS_URL/);
    expect(stderr).toContain('SMTP_URL');
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  test('--help names the flags', () => {
    const { status, stdout, stderr } = run(['--help'], {});
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^Usage: node dist\/apps\/main\.js .*--target=/);
  });
});
