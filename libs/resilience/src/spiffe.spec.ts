import { describe, expect, test } from '@jest/globals';
import { SERVICE_NAMES } from '@nexus/contracts';
import fc from 'fast-check';
import { spiffeIdentity } from './spiffe.js';

const identityOf = (subjectAltName: string | undefined) => spiffeIdentity({ subjectAltName }, 'nexus.local');
const USER = 'spiffe://nexus.local/ns/prod/sa/user';

describe('spiffeIdentity', () => {
  test.each(SERVICE_NAMES)('knows %s', (service) => {
    const uri = `spiffe://nexus.local/ns/prod-1/sa/${service}`;
    const expected = { uris: [uri], services: new Set([service]) };
    expect(identityOf(`URI:${uri}`)).toEqual(expected);
    expect(identityOf(`DNS:localhost, URI:${uri}, IP Address:127.0.0.1`)).toEqual(expected);
    expect(identityOf(`DNS:"a\\u002c \\"URI:${uri}", URI:${uri}`)).toEqual(expected);
  });

  test('knows every service of a process that holds several', () => {
    const AUTH = USER.replace('/sa/user', '/sa/auth');
    expect(identityOf(`URI:${USER}, DNS:localhost, URI:${AUTH}`)).toEqual({
      uris: [USER, AUTH],
      services: new Set(['user', 'auth']),
    });
  });

  test.each([
    undefined,
    '',
    'DNS:user',
    `URI:${USER}, URI:https://a.example`,
    `URI:"${USER}"`,
    `DNS:"a, URI:${USER}`,
    `DNS:"a", URI:${USER} `,
    `URI:${USER}/`,
    `URI:${USER}?a`,
    `URI:${USER}#a`,
    `URI:${USER}%20`,
    'URI:spiffe://nexus.local/ns/prod/sa/USER',
    'URI:SPIFFE://nexus.local/ns/prod/sa/user',
    'URI:spiffe://nexus.local/ns/prod/sa/admin',
    'URI:spiffe://nexus.local/ns//sa/user',
    'URI:spiffe://nexus.local/ns/../sa/user',
    'URI:spiffe://nexus.local/ns/prod/sa/user/sa/auth',
    'URI:spiffe://nexus.local.evil/ns/prod/sa/user',
    'URI:spiffe://nexus.locale/ns/prod/sa/user',
    'URI:spiffe://nexus.local:443/ns/prod/sa/user',
    'URI:spiffe://a@nexus.local/ns/prod/sa/user',
    'URI:spiffe://nexusxlocal/ns/prod/sa/user',
    `email:a@b, unknown:x, URI:${USER}`,
  ])('knows nobody in %j', (text) => {
    expect(identityOf(text)).toBeUndefined();
  });

  test('takes no other name for the SPIFFE name, whatever it holds', () => {
    // As Node prints a subjectAltName: a value with anything special is JSON, with commas escaped.
    const printed = (value: string) =>
      /[",'\\]|[^ -~]/.test(value) ? JSON.stringify(value).replaceAll(',', '\\u002c') : value;
    const hostile = fc.array(fc.constantFrom('URI:', USER, ', ', '"', '\\', ',', ' ', 'DNS:', 'a', '\u0000'));
    fc.assert(
      fc.property(fc.constantFrom('DNS', 'email', 'DirName', 'othername'), hostile, (kind, parts) => {
        const entry = `${kind}:${printed(parts.join(''))}`;
        expect(identityOf(entry)).toBeUndefined();
        expect(identityOf(`${entry}, URI:${USER}`)?.services).toEqual(new Set(['user']));
      }),
    );
  });
});
