import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isMailAddress, parseMailbox } from './mailbox.js';

describe('mailboxes', () => {
  it('are an address, or a name and an address', () => {
    expect(parseMailbox('Nexus <no-reply@nexus.local>')).toEqual({ name: 'Nexus', address: 'no-reply@nexus.local' });
    expect(parseMailbox(' a@b ')).toEqual({ name: '', address: 'a@b' });
    expect(parseMailbox('Jörg, Wien <jörg@münchen.example>')).toEqual({
      name: 'Jörg, Wien',
      address: 'jörg@münchen.example',
    });
    for (const text of [
      '',
      'a',
      'a@',
      '@b',
      'a@b@c',
      'a b@c',
      '<a@b',
      'a@b>',
      'x <a@b> y',
      'a@b, c@d',
      'x\r\nBcc: y <a@b>',
      'a@.b',
      'a@b.',
    ])
      expect([text, parseMailbox(text)]).toEqual([text, undefined]);
    expect(isMailAddress(`${'a'.repeat(65)}@b`)).toBe(false);
    expect(isMailAddress(`a@${'b'.repeat(260)}`)).toBe(false);
  });

  it('let nothing through that could end a header, extend a list or add a command', () => {
    const part = fc.constantFrom(
      'a',
      '@',
      '.',
      '\r',
      '\n',
      '\0',
      ' ',
      ',',
      ';',
      '<',
      '>',
      '"',
      '\\',
      '(',
      ')',
      ':',
      '\u2028',
      '\u202e',
      'é',
    );
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: part }), fc.string({ unit: 'binary' })), (text) => {
        if (isMailAddress(text)) expect(text).toMatch(/^[^\p{C}\p{Z}<>()[\],;:\\"@]+@[^\p{C}\p{Z}<>()[\],;:\\"@]+$/u);
      }),
    );
  });

  it('are judged in linear time', () => {
    const from = process.cpuUsage();
    for (const text of [
      'a@'.repeat(50_000),
      `a@${'a.'.repeat(50_000)}`,
      '<'.repeat(100_000),
      `${' '.repeat(100_000)}<`,
    ])
      parseMailbox(text);
    const { user, system } = process.cpuUsage(from);
    expect((user + system) / 1000).toBeLessThan(500);
  });
});
