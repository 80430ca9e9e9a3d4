import { describe, expect, it } from '@jest/globals';
import { profilePatch, profileQuery } from './profile.schemas.js';

const VALID = {
  name: ['Ada', ' Ada Lovelace ', 'x'.repeat(200)],
  bio: [null, '', 'Two\nlines', 'x'.repeat(2000)],
  locale: ['en', 'pt-br', 'zh-hant-tw', 'de-DE-u-co-phonebk'],
  timezone: ['UTC', 'Europe/Vienna', 'America/Argentina/Buenos_Aires', 'Asia/Calcutta'],
  phone: [null, '+4366012345678', '+12025550123', '+123456789012345'],
};

const INVALID = {
  name: ['', '  ', 'x'.repeat(201), 'a\u0000b', 'a\nb', 'abc\u202edcba', null, 7],
  bio: ['x'.repeat(2001), 'a\u0000b', 7],
  locale: ['', 'e', 'de_DE', 'en-', 'i-klingon', 'x'.repeat(100), `en-${'abcdefgh-'.repeat(40)}x`, null, ['en']],
  timezone: ['', 'Mars/Olympus', '+01:00', '-0500', '../../etc/passwd', 'x'.repeat(65), null],
  phone: ['', '4366012345678', '+0123456789', '+12 025', '+1234567890123456', '+1-202-555', '+١٢٣٤٥٦٧٨', 5],
};

const cases = (table: Readonly<Record<string, readonly unknown[]>>) =>
  Object.entries(table).flatMap(([field, values]) => values.map((value) => ({ field, value })));

describe('change of a profile', () => {
  it.each(cases(VALID))('takes $field $value', ({ field, value }) => {
    expect(profilePatch.safeParse({ [field]: value }).success).toBe(true);
  });

  it.each(cases(INVALID))('refuses $field $value', ({ field, value }) => {
    const result = profilePatch.safeParse({ [field]: value });
    expect(result.error?.issues.map((issue) => issue.path)).toEqual(expect.arrayContaining([[field]]));
  });

  it('brings what can be written in several ways into one form', () => {
    expect(profilePatch.parse({ name: ' Ada ', locale: 'PT-br' })).toEqual({ name: 'Ada', locale: 'pt-BR' });
  });

  it.each(['email', 'role', 'status', 'email_verified', 'version', 'id'])('leaves %s to others', (field) => {
    const [issue] = profilePatch.safeParse({ [field]: 'x' }).error?.issues ?? [];
    expect(issue).toMatchObject({ code: 'unrecognized_keys', keys: [field] });
  });
});

describe('query of people', () => {
  it('has its defaults', () => {
    expect(profileQuery.parse({})).toEqual({ limit: 20, sort: '-created_at' });
  });

  it.each([
    { limit: '0' },
    { limit: '101' },
    { sort: 'phone' },
    { status: 'gone' },
    { role: 'root' },
    { q: '' },
    { x: '1' },
  ])('refuses %j', (query) => {
    expect(profileQuery.safeParse(query).success).toBe(false);
  });
});
