import { Module } from '@nestjs/common';
import {
  compose,
  createApp,
  defineService,
  loadProcessConfig,
  type PortToken,
  type RunningApp,
  runApp,
  type ServiceDefinition,
} from '@nexus/bootstrap';
import { ApiKeys, SERVICE_NAMES, TokenTrust } from '@nexus/contracts';
import { createLogger } from '@nexus/observability';
import { createServicesDatabase } from './services-database.js';
import { TEST_ISSUER, type TokenFacts, TokenMint } from './token-mint.js';

/** Stands in for a port whose service is not part of the spec. */
export interface PortDouble {
  readonly port: PortToken;
  readonly instance: object;
}

export interface TestAppOptions {
  /** Services under test. */
  readonly services: readonly ServiceDefinition[];
  readonly doubles?: readonly PortDouble[];
  /** Variables besides those every test app has. */
  readonly env?: Readonly<Record<string, string>>;
}

/** An answer, with its JSON body read. */
export interface TestReply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a spec looks into whatever was answered
  readonly body: any;
}

export interface CallOptions {
  readonly token?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Services under test behind the real policy chain, on a real database and a real port. */
export interface TestApp {
  readonly url: string;
  readonly running: RunningApp;
  readonly mint: TokenMint;
  token(facts?: TokenFacts): string;
  /** Sends a request; an object body goes as JSON. */
  call(method: string, path: string, options?: CallOptions): Promise<TestReply>;
  stop(): Promise<void>;
}

async function send(base: string, method: string, path: string, options: CallOptions): Promise<TestReply> {
  const headers: Record<string, string> = { ...options.headers };
  if (options.token) headers.authorization = `Bearer ${options.token}`;
  const { body } = options;
  const raw = typeof body === 'string' || body instanceof Uint8Array || body instanceof FormData;
  if (body !== undefined && !(body instanceof FormData)) headers['content-type'] ??= 'application/json';
  const response = await fetch(base + path, {
    method,
    headers,
    ...(body === undefined ? {} : { body: raw ? (body as string) : JSON.stringify(body) }),
  });
  const text = await response.text();
  const json = response.headers.get('content-type')?.startsWith('application/json') && text !== '';
  return { status: response.status, headers: response.headers, text, body: json ? JSON.parse(text) : {} };
}

/** Every double as one service of its own, which is also the edge. */
function doublesService(mint: TokenMint, options: TestAppOptions): ServiceDefinition {
  const provided = new Set(options.services.flatMap((service) => service.provides.map(({ port }) => port as unknown)));
  const doubles = [
    { port: TokenTrust as unknown as PortToken, instance: mint as object },
    ...(options.doubles ?? []),
  ].filter(({ port }) => !provided.has(port));
  const tokens = doubles.map(({ instance }) => {
    const Token = class {};
    return { Token, instance };
  });
  const keysAreProvided =
    provided.has(ApiKeys) || doubles.some(({ port }) => (port as unknown) === (ApiKeys as unknown));
  class Doubles {}
  Module({ providers: tokens.map(({ Token, instance }) => ({ provide: Token, useValue: instance })) })(Doubles);
  return defineService({
    name: 'gateway',
    port: 0,
    module: async () => Doubles,
    provides: doubles.map(({ port }, i) => ({
      port,
      provider: (tokens[i] as (typeof tokens)[number]).Token,
      callers: SERVICE_NAMES,
    })),
    needs: keysAreProvided ? [ApiKeys] : [],
  });
}

/** Starts services under test. Their limits are the defaults; give `RATE_LIMIT_*` in `env` for others. */
export async function startTestApp(options: TestAppOptions): Promise<TestApp> {
  const mint = new TokenMint();
  const catalog = [doublesService(mint, options), ...options.services];
  const composition = compose(
    catalog.map((service) => service.name),
    catalog,
  );
  const database = await createServicesDatabase(composition.services);
  try {
    const config = loadProcessConfig(composition.services, {
      DATABASE_URL: database.url,
      PORT: '0',
      MANAGEMENT_PORT: '0',
      PUBLIC_URL: TEST_ISSUER,
      AUTH_SECRET: 'a secret of tests only, long enough',
      ...options.env,
    });
    const logger = createLogger({ service: 'test', version: '0', environment: 'test', level: 'silent' });
    const running = await runApp(await createApp(composition, config, logger));
    const url = running.urls[0] as string;
    return {
      url,
      running,
      mint,
      token: (facts) => mint.token(facts),
      call: (method, path, request = {}) => send(url, method, path, request),
      stop: async () => {
        await running.stop();
        await database.drop();
      },
    };
  } catch (error) {
    await database.drop();
    throw error;
  }
}
