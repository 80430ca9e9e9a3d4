import { describe, expect, it } from '@jest/globals';
import { comesFromThisMachine } from './local-visitor.js';

const visit = (remoteAddress: string | undefined, headers: Record<string, string>) =>
  comesFromThisMachine({ socket: { remoteAddress }, headers });
const HOST = { host: 'localhost:8080' };

describe('the developer at this machine', () => {
  it('comes over loopback under a local name', () => {
    for (const address of ['127.0.0.1', '127.8.9.10', '::1', '::ffff:127.0.0.1'])
      expect(visit(address, HOST)).toBe(true);
    for (const host of ['localhost', 'LOCALHOST:1', '127.0.0.1', '127.0.0.1:8080', '[::1]', '[::1]:65535'])
      expect(visit('::1', { host })).toBe(true);
    expect(visit('::1', { ...HOST, origin: 'http://localhost:8080' })).toBe(true);
  });

  it('is nobody from elsewhere', () => {
    for (const address of [
      undefined,
      '',
      '10.0.0.1',
      '::ffff:10.0.0.1',
      '128.0.0.1',
      '1127.0.0.1',
      '127.0.0.1.evil.example',
      '::',
      'fe80::1',
    ])
      expect([address, visit(address, HOST)]).toEqual([address, false]);
  });

  it('is nobody behind a proxy', () => {
    for (const name of [
      'forwarded',
      'via',
      'x-real-ip',
      'x-forwarded-for',
      'x-forwarded-proto',
      'x-forwarded-host',
      'cf-connecting-ip',
      'true-client-ip',
    ])
      expect([name, visit('127.0.0.1', { ...HOST, [name]: '127.0.0.1' })]).toEqual([name, false]);
  });

  it('is no page of another site, whatever its name resolves to', () => {
    for (const host of [
      'evil.example',
      'localhost.evil.example',
      'evil.localhost',
      '127.0.0.1.evil.example:80',
      'localhost:',
      'localhost:80 80',
      '127.0.0.2',
      '0.0.0.0',
      '',
    ])
      expect([host, visit('127.0.0.1', { host })]).toEqual([host, false]);
    expect(visit('127.0.0.1', {})).toBe(false);
    for (const origin of [
      'http://evil.example',
      'null',
      'http://localhost',
      'http://localhost:8081',
      'https://localhost:8080',
    ])
      expect([origin, visit('127.0.0.1', { ...HOST, origin })]).toEqual([origin, false]);
  });
});
