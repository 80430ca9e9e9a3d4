import 'reflect-metadata';
import { Controller, Get, Module, Param } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Answer } from '../scenarios.ts';
import { contestantEnvironment, stopOnSigterm } from './serving.ts';

/**
 * (b) Nest's hello world on Fastify, with the answer's JSON instead of the greeting. Node runs this file as it is, and
 * Node does not know decorators, so they are applied by hand: this is what the compiler would make of them.
 */
const { host, port, answers } = contestantEnvironment();
const answer = answers['cached-get'];

class AppController {
  findOne(_id: string): Answer {
    return answer;
  }

  ready(): { status: string } {
    return { status: 'ok' };
  }
}

class AppModule {}

function decorateMethod(name: 'findOne' | 'ready', path: string): void {
  const descriptor = Object.getOwnPropertyDescriptor(AppController.prototype, name);
  if (descriptor === undefined) throw new Error(`AppController has no method ${name}`);
  Get(path)(AppController.prototype, name, descriptor);
}

decorateMethod('findOne', 'api/v1/projects/:id');
Param('id')(AppController.prototype, 'findOne', 0);
decorateMethod('ready', 'health/ready');
Controller()(AppController);
Module({ controllers: [AppController] })(AppModule);

const app = await NestFactory.create<NestFastifyApplication>(AppModule, new FastifyAdapter(), { logger: false });
await app.listen(port, host);
stopOnSigterm(() => app.close());
