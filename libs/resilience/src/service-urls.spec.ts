import { describe, expect, test } from '@jest/globals';
import { authority, serviceOrigins, serviceUrlFaults } from './service-urls.js';

describe('serviceOrigins', () => {
  test('reads one or several', () => {
    expect(serviceOrigins('https://user.internal:8082')).toEqual([{ secure: true, host: 'user.internal', port: 8082 }]);
    expect(serviceOrigins(' http://127.0.0.1/, https://[::1]:8443 ,')).toEqual([
      { secure: false, host: '127.0.0.1', port: 80 },
      { secure: true, host: '::1', port: 8443 },
    ]);
    expect(serviceOrigins(['https://a.example'])).toEqual([{ secure: true, host: 'a.example', port: 443 }]);
  });

  test.each([
    'user:8082',
    'ftp://a',
    'https://a/path',
    'https://a?b',
    'https://a#b',
    'https://:1',
    'https://a:99999',
    'https://a:0',
    'x',
  ])('refuses %j', (text) => {
    expect(() => serviceOrigins(text)).toThrow(`${text} is not an origin such as https://user.internal:8082`);
  });

  test('refuses nothing, and repeats no password', () => {
    expect(() => serviceOrigins(' , ')).toThrow('A service needs at least one origin');
    expect(serviceUrlFaults(['https://a:1', 'https://me:secret@a:1'])).toEqual([
      'https://…@a:1 is not an origin such as https://user.internal:8082',
    ]);
  });

  test('writes IPv6 addresses in brackets', () => {
    expect([authority('::1', 1), authority('10.0.0.1', 2), authority('a', 3)]).toEqual([
      '[::1]:1',
      '10.0.0.1:2',
      'a:3',
    ]);
  });
});
