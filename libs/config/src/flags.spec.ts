import { describe, expect, test } from '@jest/globals';
import { FLAGS_HELP, FlagsError, readFlags } from './flags.js';

const ALL = ['gateway', 'auth', 'user', 'project', 'file', 'notification'];

describe('readFlags', () => {
  test.each([
    [[], { targets: ALL }],
    [['--target=all'], { targets: ALL }],
    [['--target', ' user, auth '], { targets: ['auth', 'user'] }],
    [['--target=auth', '--migrate'], { targets: ['auth'], only: 'migrate' }],
    [['--check-config'], { targets: ALL, only: 'check-config' }],
    [['--print-config', '--target=file'], { targets: ['file'], only: 'print-config' }],
    [['--list-targets', '--target=nobody'], { targets: ALL, only: 'list-targets' }],
    [['--help', '--migrate'], { targets: ALL, only: 'help' }],
  ])('%j', (args, flags) => {
    expect(readFlags(args)).toEqual(flags);
  });

  test.each([
    [['--target=nobody,auth'], /^Unknown target nobody: choose all, or some of gateway, auth, .*\.$/],
    [['--target='], /^No target is given: choose all/],
    [['--target'], /argument missing/],
    [['--bogus'], /Unknown option '--bogus'/],
    [['auth'], /Unexpected argument 'auth'/],
    [['--migrate=yes'], /does not take an argument/],
  ])('%j is refused', (args, sentence) => {
    expect(() => readFlags(args)).toThrow(FlagsError);
    expect(() => readFlags(args)).toThrow(sentence);
  });

  test('help names every flag', () => {
    for (const name of ['--target', '--list-targets', '--check-config', '--print-config', '--migrate', '--help'])
      expect(FLAGS_HELP).toContain(name);
  });
});
