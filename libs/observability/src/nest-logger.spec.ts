import { describe, expect, it } from '@jest/globals';
import { Controller, Get, Module, Logger as NestOwnLogger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { ecsRecord } from './ecs-record.schemas.js';
import { MemoryDestination } from './log-destination.js';
import { createLogger, type LogLevel } from './logger.js';
import { NestLogger } from './nest-logger.js';

function setUp(level: LogLevel = 'debug') {
  const destination = new MemoryDestination();
  const logger = new NestLogger(createLogger({ service: 's', version: '1', environment: 'test', level, destination }));
  return { logger, destination, last: () => destination.records().at(-1) as Record<string, unknown> };
}

@Controller()
class Crashing {
  @Get('crash')
  crash(): never {
    throw new TypeError('Bearer abcdefghijkl');
  }
}

@Module({ controllers: [Crashing] })
class Root {}

describe('NestLogger', () => {
  it('writes what Nest says while it starts at debug, and its crashes at error', async () => {
    const { logger, destination } = setUp();
    const app = await NestFactory.create<NestFastifyApplication>(Root, new FastifyAdapter(), { logger });
    try {
      await app.init();
      const starting = destination.records();
      expect(starting.length).toBeGreaterThan(2);
      expect(new Set(starting.map((record) => record['log.level']))).toEqual(new Set(['debug']));
      expect(starting.map((record) => record['log.logger'])).toContain('RouterExplorer');
      await app.getHttpAdapter().getInstance().ready();
      const answer = await app.inject({ url: '/crash' });
      expect(answer.statusCode).toBe(500);
      const crash = destination.records().find((record) => record['log.level'] === 'error');
      expect(crash).toMatchObject({ 'log.logger': 'ExceptionsHandler', 'error.type': 'TypeError' });
      expect(destination.lines.join('')).not.toContain('abcdefghijkl');
    } finally {
      await app.close();
      NestOwnLogger.overrideLogger(false);
    }
    for (const record of destination.records()) ecsRecord.parse(record);
  });

  it('says nothing of a good start at info', async () => {
    const { logger, destination } = setUp('info');
    const app = await NestFactory.create<NestFastifyApplication>(Root, new FastifyAdapter(), { logger });
    await app.init();
    await app.close();
    NestOwnLogger.overrideLogger(false);
    expect(destination.lines).toEqual([]);
  });

  it('maps levels, contexts, stacks and further values', () => {
    const { logger, last } = setUp();
    logger.log('hello', 'MyService');
    expect(last()).toMatchObject({ 'log.level': 'info', message: 'hello', 'log.logger': 'MyService' });
    logger.log('Mapped', 'RouterExplorer');
    expect(last()['log.level']).toBe('debug');
    logger.warn('careful');
    expect(last()).toMatchObject({ 'log.level': 'warn', message: 'careful' });
    expect(last()).not.toHaveProperty(['log.logger']);
    logger.debug('d', 'C');
    logger.verbose('v', 'C');
    expect(last()).toMatchObject({ 'log.level': 'debug', message: 'v' });
    logger.fatal('f', 'C');
    expect(last()['log.level']).toBe('fatal');
    logger.error('failed', 'Error: x\n    at y (z:1:2)', 'C');
    expect(last()).toMatchObject({ 'error.stack_trace': 'Error: x\n    at y (z:1:2)', 'log.logger': 'C' });
    logger.error('failed', 'Error: x\n    at y (z:1:2)');
    expect(last()['error.stack_trace']).toBe('Error: x\n    at y (z:1:2)');
    expect(last()).not.toHaveProperty(['log.logger']);
    logger.error('failed', undefined, 'C');
    expect(last()).toMatchObject({ message: 'failed', 'log.logger': 'C' });
    logger.error(new RangeError('r'), 'C');
    expect(last()).toMatchObject({ message: 'r', 'error.type': 'RangeError' });
    logger.log({ password: 'p4ss', a: 1 }, { b: 2 }, 'C');
    expect(last().nexus).toEqual({ data: { password: '[REDACTED]', a: 1 }, details: [{ b: 2 }] });
    logger.log(undefined);
    expect(last().message).toBe('undefined');
  });

  it('costs nothing below the level', () => {
    const { logger, destination } = setUp('error');
    logger.log({
      toJSON: () => {
        throw new Error('looked at');
      },
    });
    logger.warn('x');
    expect(destination.lines).toEqual([]);
  });
});
