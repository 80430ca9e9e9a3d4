import { describe, expect, it } from '@jest/globals';
import { loadConfig } from '@nexus/config';
import { observabilityConfig } from './observability.config.js';

const read = (environment: Record<string, string>) =>
  loadConfig([observabilityConfig], environment).get(observabilityConfig);

describe('observabilityConfig', () => {
  it('has defaults', () => {
    expect(read({})).toEqual({ LOG_LEVEL: 'info', LOG_REQUESTS: 'all', LOG_INTERNAL_REQUESTS: 'errors' });
  });

  it('takes what is known', () => {
    const given = { LOG_LEVEL: 'warn', LOG_REQUESTS: 'errors', LOG_INTERNAL_REQUESTS: 'all' };
    expect(read(given)).toEqual(given);
  });

  it('refuses what is not', () => {
    expect(() => read({ LOG_LEVEL: 'loud' })).toThrow(/LOG_LEVEL/);
    expect(() => read({ LOG_REQUESTS: 'some' })).toThrow(/LOG_REQUESTS/);
  });
});
