import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { AccessTokenVerifier, newApiKey, RevocationList, SCOPES } from '@nexus/auth-guards';
import {
  compose,
  createApp,
  createInternalCalls,
  defineService,
  loadProcessConfig,
  localPort,
  type PortToken,
  type RunningApp,
  runApp,
} from '@nexus/bootstrap';
import { ApiKeys, SERVICE_NAMES, TokenTrust } from '@nexus/contracts';
import { uuidv7 } from '@nexus/kernel';
import { createLogger, MemoryDestination } from '@nexus/observability';
import { peerServices, secureServerOptions, TlsMaterial } from '@nexus/resilience';
import {
  createServicesDatabase,
  TEST_ISSUER,
  TestAuthority,
  type TokenFacts,
  TokenMint,
  testServiceContext,
} from '@nexus/testing';
import { gatewayService } from '../../src/index.js';
import { RawClient, type RawReply } from './raw-client.js';
import { RawOrigin } from './raw-origin.js';

/** The gateway alone, with a service behind it that belongs to the spec. */
export interface Edge {
  readonly port: number;
  readonly origin: RawOrigin;
  readonly running: RunningApp;
  readonly log: MemoryDestination;
  token(facts?: TokenFacts): string;
  /** `Authorization: Bearer …` of somebody who is signed in. */
  readonly bearer: string;
  /** `X-API-Key: …` of a key with every scope. */
  readonly apiKey: string;
  /** A connection that is closed with the spec, or before. @param from any address of the loopback network */
  client(from?: string): Promise<RawClient>;
  /** Sends bytes on a connection of its own; the first final answer. */
  ask(bytes: string | Buffer, toHead?: boolean): Promise<RawReply>;
  /** Closes the connections of the test that is over. */
  reset(): void;
  close(): Promise<void>;
}

const TRUST_DOMAIN = 'nexus.local';
const NEVER = () => Promise.reject(new Error('It runs elsewhere'));
const OTHERS = SERVICE_NAMES.filter((name) => name !== 'gateway');

/** What the gateway knows of the others: their names, and who says which tokens and keys count. */
const catalog = [
  gatewayService,
  ...OTHERS.map((name) =>
    defineService({
      name,
      port: 0,
      module: NEVER,
      provides: (name === 'auth' ? [TokenTrust, ApiKeys] : []).map((port) => ({
        port: port as unknown as PortToken,
        provider: class {},
        callers: SERVICE_NAMES,
      })),
    }),
  ),
];

/** One key is somebody's. */
function keysOf(mint: TokenMint, own: string): ApiKeys {
  const keyId = uuidv7();
  return {
    exchange: async (_ctx, { key }) => {
      const token = mint.token({ sid: keyId, api_key: keyId, scope: SCOPES.join(' ') });
      return { exchanged: key === own ? { token, expires_in: 60 } : null };
    },
  };
}

/** Auth's side of the ports that the gateway needs, over mutual TLS. */
async function serveAuth(authority: TestAuthority, mint: TokenMint, apiKey: string) {
  const context = () => testServiceContext('spec');
  const revocations = new RevocationList(mint, context);
  await revocations.start();
  const material = TlsMaterial.fromPem(await authority.issue('auth'), { trustDomain: TRUST_DOMAIN });
  const calls = createInternalCalls({
    ports: [[TokenTrust, mint] as const, [ApiKeys, keysOf(mint, apiKey)] as const].map(([port, provider]) => ({
      token: port as unknown as PortToken,
      client: localPort<object>(port as unknown as PortToken, () => provider),
      callers: ['gateway'],
    })),
    verifier: new AccessTokenVerifier(mint, revocations, context, {
      issuer: TEST_ISSUER,
      audience: 'nexus',
      graceMs: 30_000,
    }),
    callerOf: (request) => [...peerServices(request.socket, TRUST_DOMAIN)][0],
    logger: createLogger({ service: 'trust', version: '0', environment: 'test', level: 'silent' }),
  });
  const server: Server = createServer(secureServerOptions(material), (request, response) => {
    if (!calls(request, response)) response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      calls.close();
      revocations.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      material.close();
    },
  };
}

/** Limits that no spec of the bytes reaches. */
const NO_LIMITS = Object.fromEntries(
  ['ANONYMOUS', 'USER', 'ADMIN', 'ADDRESS'].map((tier) => [`RATE_LIMIT_${tier}`, '1000000000']),
);

export interface EdgeOptions {
  /** The service behind is reached over mutual TLS. */
  readonly tls?: boolean;
  /** Where the project service is instead, by the authority that the gateway believes. */
  readonly projectUrl?: (authority: TestAuthority) => Promise<string>;
  /** Variables besides those that every spec has. */
  readonly env?: Readonly<Record<string, string>>;
}

export async function openEdge(options: EdgeOptions = {}): Promise<Edge> {
  const mint = new TokenMint();
  const authority = await TestAuthority.create();
  const apiKey = newApiKey();
  const trust = await serveAuth(authority, mint, apiKey);
  const behind = await authority.issue(OTHERS.join('+'));
  const origin = new RawOrigin(
    options.tls ? secureServerOptions(TlsMaterial.fromPem(behind, { trustDomain: TRUST_DOMAIN })) : undefined,
  );
  const url = `${options.tls ? 'https' : 'http'}://127.0.0.1:${await origin.open()}`;
  const own = await authority.issue('gateway');
  const composition = compose(['gateway'], catalog);
  const database = await createServicesDatabase(composition.services);
  const config = loadProcessConfig(composition.services, {
    DATABASE_URL: database.url,
    PORT: '0',
    MANAGEMENT_PORT: '0',
    PUBLIC_URL: TEST_ISSUER,
    TLS_CERT: own.cert,
    TLS_KEY: own.key,
    TLS_CA: own.ca,
    ...Object.fromEntries(OTHERS.map((name) => [`NEXUS_${name.toUpperCase()}_URL`, name === 'auth' ? trust.url : url])),
    ...(options.projectUrl ? { NEXUS_PROJECT_URL: await options.projectUrl(authority) } : {}),
    ...NO_LIMITS,
    // Services fail here all the time, and are asked on.
    UPSTREAM_BREAKER: 'off',
    // No balancer has to notice that this one goes.
    SHUTDOWN_DRAIN_MS: '0',
    ...options.env,
  });
  const log = new MemoryDestination();
  const logger = createLogger({
    service: 'gateway',
    version: '0',
    environment: 'test',
    level: 'info',
    destination: log,
  });
  const running = await runApp(await createApp(composition, config, logger));
  const port = Number(new URL(running.urls[0] as string).port);
  const clients: RawClient[] = [];
  const client = async (from?: string) => {
    const opened = await RawClient.open(port, from);
    clients.push(opened);
    return opened;
  };
  return {
    port,
    origin,
    running,
    log,
    token: (facts) => mint.token(facts),
    bearer: `Authorization: Bearer ${mint.token()}`,
    apiKey: `X-API-Key: ${apiKey}`,
    client,
    ask: async (bytes, toHead = false) => {
      const opened = await client();
      opened.write(bytes);
      for (;;) {
        const answer = await opened.mustReply(toHead);
        if (answer.status >= 200) return answer;
      }
    },
    reset: () => {
      for (const one of clients.splice(0)) one.destroy();
      origin.reset();
    },
    close: async () => {
      for (const one of clients) one.destroy();
      await running.stop();
      await origin.close();
      await trust.close();
      await database.drop();
    },
  };
}
