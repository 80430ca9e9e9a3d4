import { describe, expect, test } from '@jest/globals';

/**
 * Tests that need something which not every machine has. Where it is missing, one test says so; CI insists on it wherever
 * it could be.
 */
export function describeFound<T extends object>(
  name: string,
  found: T | { readonly missing: string; readonly expected: boolean },
  body: (found: T) => void,
): void {
  describe(name, () => {
    if (!('missing' in found)) {
      body(found);
      return;
    }
    const { missing, expected } = found;
    test(`skipped: ${missing}`, () => {
      const insists = expected && !['', '0', 'false'].includes(process.env.CI ?? '');
      expect(insists ? missing : '').toBe('');
    });
  });
}
