import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { fromBuild, proxyEnvironment, stopOnSigterm } from './proxy-environment.ts';

/** As much of an exchange as is needed to make one. */
interface Exchange {
  route: object | undefined;
  address: string;
  cancel(): void;
}

interface ExchangeClass {
  new (
    request: IncomingMessage,
    response: ServerResponse,
    id: string,
    trace: object,
    defaults: { headers: string[]; closing: boolean },
    startedAt: number,
    timeoutMs: number,
  ): Exchange;
}

interface Pool {
  close(): Promise<void>;
}

/**
 * The gateway's own forwarding behind a bare server: what the policy chain (limits, credentials, log, metrics, …) adds
 * is the difference to the gateway.
 */
const { host, port, upstream } = proxyEnvironment();
const { Exchange } = await fromBuild<{ Exchange: ExchangeClass }>('libs/http/src/index.js');
const { startTrace } = await fromBuild<{ startTrace(parent?: string, state?: string): object }>(
  'libs/observability/src/index.js',
);
const { ServicePool } = await fromBuild<{ ServicePool: new (options: { service: string; urls: string }) => Pool }>(
  'libs/resilience/src/index.js',
);
const { ROUTE_MANIFEST } = await fromBuild<{ ROUTE_MANIFEST: { method: string; path: string }[] }>(
  'libs/contracts/src/index.js',
);
const { createForwarder } = await fromBuild<{
  createForwarder(parts: { upstream: () => Pool; logger: object; protocol: string }): (exchange: Exchange) => void;
}>('apps/gateway/src/proxy/forwarder.js');

const route = ROUTE_MANIFEST.find(({ method, path }) => method === 'GET' && path === '/api/v1/projects/{id}');
if (route === undefined) throw new Error('the route of the benchmark is not in the manifest');
const pool = new ServicePool({ service: 'project', urls: upstream.origin });
const tell = (message: string, fields: object) => process.stderr.write(`${message} ${JSON.stringify(fields)}\n`);
const forward = createForwarder({ upstream: () => pool, logger: { warn: tell, error: tell }, protocol: 'http' });
const defaults = { headers: [], closing: false };

const server = createServer((request, response) => {
  const { traceparent, tracestate } = request.headers as Record<string, string | undefined>;
  const trace = startTrace(traceparent, tracestate);
  const exchange = new Exchange(request, response, randomUUID(), trace, defaults, Date.now(), 10_000);
  exchange.route = route;
  exchange.address = request.socket.remoteAddress ?? 'unknown';
  response.once('close', () => {
    if (!response.writableFinished) exchange.cancel();
  });
  forward(exchange);
});
server.listen(port, host);
stopOnSigterm(async () => {
  server.close();
  server.closeAllConnections();
  await pool.close();
});
