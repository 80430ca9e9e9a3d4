import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type Dispatcher, Pool } from 'undici';
import { proxyEnvironment, stopOnSigterm } from './proxy-environment.ts';

/** The least that a proxy over undici can be: one handler per request, bodies as they come. */
const { host, port, upstream } = proxyEnvironment();
const pool = new Pool(upstream.origin, { connections: 128 });

function handler(response: ServerResponse): Dispatcher.DispatchHandler {
  return {
    onRequestStart(controller) {
      response.once('close', () => {
        if (!response.writableFinished) controller.abort(new Error('the client is gone'));
      });
    },
    onResponseStart(controller, status, headers) {
      response.writeHead(status, headers);
      response.on('drain', () => controller.resume());
    },
    onResponseData(controller, chunk) {
      if (!response.write(chunk)) controller.pause();
    },
    onResponseEnd() {
      response.end();
    },
    onResponseError() {
      if (response.headersSent) response.destroy();
      else response.writeHead(502).end();
    },
  };
}

const server = createServer((request: IncomingMessage, response: ServerResponse) => {
  const { method, url, headers } = request;
  const body = method === 'GET' || method === 'HEAD' ? null : request;
  pool.dispatch({ method: method as Dispatcher.HttpMethod, path: url ?? '/', headers, body }, handler(response));
});
server.listen(port, host);
stopOnSigterm(async () => {
  server.close();
  server.closeAllConnections();
  await pool.destroy();
});
