import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { passwordFaults } from './password-policy.service.js';

async function codes(password: string, email?: string): Promise<string[]> {
  return (await passwordFaults(password, email, 'password')).map((fault) => fault.code);
}

describe('passwordFaults', () => {
  it('finds nothing against a good password', async () => {
    expect(await codes('correct horse battery staple', 'ada@example.com')).toEqual([]);
    expect(await codes('пароль со смыслом')).toEqual([]);
  });

  it('names the field and says what is wrong', async () => {
    expect(await passwordFaults('tiny one', undefined, 'new_password')).toEqual([
      { code: 'password_too_short', field: 'new_password', message: 'The password must have at least 10 characters.' },
    ]);
  });

  it('counts characters, not bytes or UTF-16 units', async () => {
    expect(await codes('👍👎👏🙏🤞👌🤘👊')).toEqual(['password_too_short']);
    expect(await codes('👍👎👏🙏🤞👌🤘👊✊🤛')).toEqual([]);
    expect(await codes('q'.repeat(9))).toContain('password_too_short');
    expect(await codes(`${'x'.repeat(255)}!`)).toEqual([]);
    expect(await codes(`${'x'.repeat(256)}!`)).toEqual(['password_too_long']);
    expect(await codes(`${'👍'.repeat(255)}!`)).toEqual([]);
  });

  it('knows common passwords, however they are written', async () => {
    for (const password of ['1234567890', 'qwertyuiop', 'QwertyUIOP', 'password1234', 'ｑｗｅｒｔｙｕｉｏｐ']) {
      expect(await codes(password)).toEqual(['password_too_common']);
    }
    // The first and the last of a list are where a search goes wrong.
    expect(await codes('123456')).toEqual(['password_too_short', 'password_too_common']);
    expect(await codes('xpcrew')).toEqual(['password_too_short', 'password_too_common']);
  });

  it('takes a common password only as a whole', async () => {
    expect(await codes('qwertyuiop on a rainy day')).toEqual([]);
    expect(await codes('123456\npassword')).toEqual([]);
  });

  it('refuses the name part of the e-mail address, in any case', async () => {
    expect(await codes('my name is Ada.Lovelace', 'ada.lovelace@example.com')).toEqual(['password_contains_email']);
    expect(await codes('two letters of ab do not count', 'ab@example.com')).toEqual([]);
    expect(await codes('three letters abc do count', 'abc@example.com')).toEqual(['password_contains_email']);
    expect(await codes('example.com is no secret', 'ada@example.com')).toEqual([]);
  });

  it('lists everything at once', async () => {
    expect(await codes('dragon', 'dragon@example.com')).toEqual([
      'password_too_short',
      'password_too_common',
      'password_contains_email',
    ]);
  });

  it('survives any text', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'binary', maxLength: 400 }),
        fc.option(fc.string()),
        async (password, email) => {
          const found = await codes(password, email ?? undefined);
          const length = [...password.normalize('NFKC')].length;
          expect(found.includes('password_too_short')).toBe(length < 10);
          expect(found.includes('password_too_long')).toBe(length > 256);
        },
      ),
    );
  });
});
