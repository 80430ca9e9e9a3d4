import { Agent, createServer, request as startRequest } from 'node:http';
import { proxyEnvironment, stopOnSigterm } from './proxy-environment.ts';

/** What Node brings along: its own server and client, connections kept, bodies piped. */
const { host, port, upstream } = proxyEnvironment();
const agent = new Agent({ keepAlive: true });

const server = createServer((request, response) => {
  const { method, url, headers } = request;
  const target = { host: upstream.hostname, port: upstream.port, agent, method, path: url, headers };
  const forwarded = startRequest(target, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  forwarded.on('error', () => (response.headersSent ? response.destroy() : response.writeHead(502).end()));
  request.pipe(forwarded);
});
server.listen(port, host);
stopOnSigterm(async () => {
  server.close();
  server.closeAllConnections();
});
