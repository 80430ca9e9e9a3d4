import { beforeEach, describe, expect, it } from '@jest/globals';
import { uuidv7 } from '@nexus/kernel';
import { createLogger, MemoryDestination } from '@nexus/observability';
import { eventually } from '@nexus/testing';
import { ApiKeyUses } from './api-key-uses.service.js';
import type { ApiKeysRepository } from './api-keys.repository.js';

const NOW = Date.UTC(2026, 5, 1, 12);

let written: ReadonlyMap<string, Date>[];
let fault: Error | undefined;
let log: MemoryDestination;
let uses: ApiKeyUses;

beforeEach(() => {
  written = [];
  fault = undefined;
  log = new MemoryDestination();
  const logger = createLogger({ service: 'auth', version: '0', environment: 'test', level: 'debug', destination: log });
  const repository = {
    noteUses: async (noted: ReadonlyMap<string, Date>) => {
      if (fault) throw fault;
      written.push(noted);
    },
  };
  uses = new ApiKeyUses(repository as unknown as ApiKeysRepository, logger);
});

const key = (lastUsedAt: Date | null = null) => ({ id: uuidv7(), lastUsedAt });

describe('ApiKeyUses', () => {
  it('writes the uses of a moment together, behind those who use', async () => {
    const keys = Array.from({ length: 50 }, () => key());
    for (const one of keys) for (let i = 0; i < 20; i++) uses.note(one, NOW + i);
    expect(written).toEqual([]);
    await eventually(() => written.length > 0, 'they are written');
    expect(written).toEqual([new Map(keys.map(({ id }) => [id, new Date(NOW + 19)]))]);
  });

  it('leaves out what was noted within the minute', async () => {
    const [recent, older] = [key(new Date(NOW - 59_999)), key(new Date(NOW - 60_000))];
    uses.note(recent, NOW);
    uses.note(older, NOW);
    await uses.onModuleDestroy();
    expect(written).toEqual([new Map([[older.id, new Date(NOW)]])]);
  });

  it('writes what is left when the service stops, and nothing when nothing is', async () => {
    await uses.onModuleDestroy();
    const one = key();
    uses.note(one, NOW);
    await uses.onModuleDestroy();
    await uses.onModuleDestroy();
    expect(written).toEqual([new Map([[one.id, new Date(NOW)]])]);
  });

  it('goes on after a write that failed', async () => {
    fault = new Error('the database is away');
    uses.note(key(), NOW);
    await eventually(() => log.records().length > 0, 'it is told');
    expect(log.records()).toMatchObject([{ 'log.level': 'warn' }]);
    fault = undefined;
    const next = key();
    uses.note(next, NOW);
    await eventually(() => written.length > 0, 'the next is written');
    expect(written).toEqual([new Map([[next.id, new Date(NOW)]])]);
  });
});
