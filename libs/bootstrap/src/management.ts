import { createServer, type Server, type ServerResponse } from 'node:http';
import { errorBody } from '@nexus/http';
import { type AppError, errors, uuidv4 } from '@nexus/kernel';
import { renderMetrics } from '@nexus/observability';
import type { Health } from './health.js';

function answer(
  response: ServerResponse,
  status: number,
  contentType: string,
  body: string,
  id: string = uuidv4(),
): void {
  response.writeHead(status, {
    'X-Request-Id': id,
    'Content-Type': contentType,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
  });
  response.end(body);
}

function fail(response: ServerResponse, error: AppError): void {
  const id = uuidv4();
  for (const [name, value] of Object.entries(error.headers)) response.setHeader(name, value);
  answer(response, error.status, 'application/json; charset=utf-8', errorBody(error, id), id);
}

function ok(response: ServerResponse, data: object = { status: 'ok' }): void {
  const id = uuidv4();
  const body = JSON.stringify({ success: true, data, request_id: id });
  answer(response, 200, 'application/json; charset=utf-8', body, id);
}

async function handle(health: Health, path: string, response: ServerResponse): Promise<void> {
  if (path === '/health/live') return ok(response);
  if (path === '/health/ready') {
    const failure = await health.readiness();
    return failure ? fail(response, failure) : ok(response, await health.ready());
  }
  if (path === '/metrics') {
    const { contentType, body } = await renderMetrics();
    return answer(response, 200, contentType, body);
  }
  return fail(response, errors.not_found());
}

/**
 * Health and metrics on a port of their own: plain HTTP, for the kubelet and Prometheus, never for clients. It opens
 * first and closes last, so that probes see the process start and stop.
 */
export function createManagementServer(health: Health): Server {
  const server = createServer((request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      fail(response, errors.method_not_allowed({ headers: { Allow: 'GET, HEAD' } }));
      return;
    }
    handle(health, (request.url ?? '/').split('?', 1)[0] as string, response).catch(() =>
      fail(response, errors.internal_error()),
    );
  });
  server.headersTimeout = 5_000;
  server.requestTimeout = 5_000;
  return server;
}
