import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AccessTokenVerifier, RevocationList } from '@nexus/auth-guards';
import { createInternalCalls, type InternalCalls, localPort, type PortToken } from '@nexus/bootstrap';
import { remotePort } from '@nexus/clients';
import type { ServiceName } from '@nexus/contracts';
import type { Actor, CallContext } from '@nexus/kernel';
import { createLogger, MemoryDestination } from '@nexus/observability';
import { Pool } from 'undici';
import { testContext, testServiceContext } from './test-context.js';
import { TEST_ISSUER, TokenMint } from './token-mint.js';

/** Where a provider is called from: the same process, or another one over HTTP. */
export const PORT_SIDES = ['local', 'remote'] as const;
export type PortSide = (typeof PORT_SIDES)[number];

/** What a provider was called with. */
export interface SeenCall {
  readonly method: string;
  readonly ctx: CallContext;
  readonly input: unknown;
}

/** The service that calls, for specs. */
export const CONTRACT_CALLER: ServiceName = 'file';

/** A port's provider, called over either way; its answers can be replaced. */
export interface PortHarness<T> {
  readonly client: T;
  /** What the provider was called with, in order. */
  readonly seen: SeenCall[];
  /** Answers instead of the provider. */
  behave: ((ctx: CallContext, input: unknown) => unknown) | undefined;
  /** A context with the credential that the actor needs. */
  context(actor: Actor, changes?: Partial<CallContext>): CallContext;
  close(): Promise<void>;
}

/** The provider with every call written down. */
function observed(token: PortToken, provider: object, harness: Pick<PortHarness<never>, 'seen' | 'behave'>): object {
  const members = provider as Record<string, (...args: unknown[]) => unknown>;
  const watched: Record<string, unknown> = {};
  for (const method of Object.keys(token.port.methods))
    watched[method] = async (ctx: CallContext, input: unknown) => {
      harness.seen.push({ method, ctx, input });
      return harness.behave ? harness.behave(ctx, input) : members[method]?.call(provider, ctx, input);
    };
  for (const stream of token.port.streams)
    watched[stream] = (...args: unknown[]) => members[stream]?.call(provider, ...args);
  return watched;
}

/** A listener on a free port of this machine. */
export async function listenSomewhere(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Ends a server and every connection to it. */
export async function closeServer(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
}

/** An internal listener for one port, without certificates: the caller is always {@link CONTRACT_CALLER}. */
export async function serveTestPort(
  token: PortToken,
  client: object,
  mint: TokenMint,
  log = new MemoryDestination(),
): Promise<{ readonly url: string; readonly calls: InternalCalls; readonly server: Server; close(): Promise<void> }> {
  const context = () => testServiceContext('spec');
  const revocations = new RevocationList(mint, context);
  await revocations.start();
  const calls = createInternalCalls({
    ports: [{ token, client, callers: [CONTRACT_CALLER] }],
    verifier: new AccessTokenVerifier(mint, revocations, context, {
      issuer: TEST_ISSUER,
      audience: 'nexus',
      graceMs: 30_000,
    }),
    callerOf: () => CONTRACT_CALLER,
    logger: createLogger({ service: 'test', version: '0', environment: 'test', level: 'debug', destination: log }),
  });
  const server = createServer((request, response) => {
    if (!calls(request, response)) response.writeHead(404).end();
  });
  const url = await listenSomewhere(server);
  return {
    url,
    calls,
    server,
    close: async () => {
      calls.close();
      revocations.close();
      await closeServer(server);
    },
  };
}

/** Puts a provider behind a client of its port. */
export async function openPortHarness<T extends object>(
  token: PortToken & { prototype: T },
  provider: T,
  side: PortSide,
): Promise<PortHarness<T>> {
  const mint = new TokenMint();
  const watch: Pick<PortHarness<T>, 'seen' | 'behave'> = { seen: [], behave: undefined };
  const local = localPort<T>(token, () => observed(token, provider, watch) as T);
  const served = side === 'remote' ? await serveTestPort(token, local, mint) : undefined;
  const pool = served && new Pool(served.url, { connections: 4 });
  return Object.assign(watch, {
    client: pool ? remotePort<T>(token, { dispatcher: pool, caller: CONTRACT_CALLER }) : local,
    context: (actor: Actor, changes: Partial<CallContext> = {}) => {
      if (actor.kind !== 'user') return testContext(actor, changes);
      const { id: sub, sessionId: sid, sessionVersion: sv, role } = actor;
      return testContext(actor, { credential: mint.token({ sub, sid, sv, role }), ...changes });
    },
    close: async () => {
      await pool?.destroy();
      await served?.close();
    },
  });
}
