import fc from 'fast-check';
import { fileName, nameOfUpload } from './file-name.js';

describe('fileName', () => {
  it.each([
    ['a.txt', 'a.txt'],
    ['  a b.txt ', 'a b.txt'],
    ['Gro\u0308ße.pdf', 'Größe.pdf'],
    ['👨‍👩‍👧.png', '👨‍👩‍👧.png'],
    ['..gitignore', '..gitignore'],
    ['x'.repeat(255), 'x'.repeat(255)],
  ])('keeps %p as %p', (name, kept) => {
    expect(fileName.parse(name)).toBe(kept);
  });

  it.each([
    '',
    ' ',
    '.',
    '..',
    'a/b',
    'a\\b',
    'a\0b',
    'a\nb',
    'a\u202eb',
    '\ud800',
    'x'.repeat(256),
  ])('refuses %p', (name) => {
    expect(fileName.safeParse(name).success).toBe(false);
  });
});

describe('nameOfUpload', () => {
  it.each([
    [undefined, undefined],
    ['', undefined],
    ['a.txt', 'a.txt'],
    ['C:\\Users\\me\\a.txt', 'a.txt'],
    ['../../etc/passwd', 'passwd'],
    ['dir/', undefined],
    ['a/..', undefined],
    ['evil\u202egpj.exe', 'evilgpj.exe'],
    ['a\r\nb', 'ab'],
  ])('makes %p into %p', (filename, name) => {
    expect(nameOfUpload(filename)).toBe(name);
  });

  it('leaves only names that can be kept, or none', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 100 }), (filename) => {
        const name = nameOfUpload(filename);
        if (name !== undefined) expect(fileName.parse(name)).toBe(name);
      }),
      { numRuns: 1_000 },
    );
  });
});
