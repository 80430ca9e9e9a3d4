import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { ConfigError, defineConfig, env, loadConfig } from './index.js';

const folder = mkdtempSync(join(tmpdir(), 'nexus-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

const slice = defineConfig('test', {
  COUNT: { schema: env.int(5, { min: 1, max: 10 }), description: 'A number.' },
  NAME: { schema: env.string().optional(), description: 'A name.' },
  TOKEN: { schema: z.string().min(8), description: 'A secret.', secret: true },
  ORIGINS: { schema: env.list(), description: 'A list.' },
});

function faults(environment: Record<string, string>): readonly string[] {
  try {
    loadConfig([slice], environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

describe('loadConfig', () => {
  test('reads text into values, with defaults', () => {
    const config = loadConfig([slice], { TOKEN: 'long enough', ORIGINS: 'a, b,' });
    expect(config.get(slice)).toEqual({ COUNT: 5, NAME: undefined, TOKEN: 'long enough', ORIGINS: ['a', 'b'] });
  });

  test('names every fault together, and no value of a secret', () => {
    const found = faults({ COUNT: 'many', TOKEN: 'short' });
    expect(found).toHaveLength(2);
    expect(found.join()).toMatch(/COUNT.*TOKEN/);
    expect(found.join()).not.toContain('short');
  });

  test('reads a value from a file, without its last line feed', () => {
    const file = join(folder, 'token');
    writeFileSync(file, 'from the file\n');
    expect(loadConfig([slice], { TOKEN_FILE: file }).get(slice).TOKEN).toBe('from the file');
    expect(loadConfig([slice], { TOKEN_FILE: file }).fileOf('TOKEN')).toBe(file);
    expect(loadConfig([slice], { TOKEN: 'long enough' }).fileOf('TOKEN')).toBeUndefined();
    expect(faults({ TOKEN_FILE: join(folder, 'none') }).join()).toContain('TOKEN_FILE cannot be read (ENOENT)');
    expect(faults({ TOKEN: 'long enough', TOKEN_FILE: file }).join()).toContain('both set');
  });

  test('masks secrets', () => {
    expect(loadConfig([slice], { TOKEN: 'long enough' }).masked()).toMatchObject({ COUNT: '5', TOKEN: '********' });
  });

  test('checks rules over several values', () => {
    const rule = () => 'COUNT and NAME do not go together';
    expect(() => loadConfig([slice], { TOKEN: 'long enough' }, [rule])).toThrow(/do not go together/);
  });
});
