import { createServer } from 'node:http';
import { contestantEnvironment, stopOnSigterm } from './serving.ts';

/** Longer than any pause of the benchmark, so that no connection ends between samples of one round. */
const KEEP_ALIVE_MS = 300_000;

/** (e) Node's own server, which answers everything with the same bytes: what an HTTP answer costs at least. */
const { host, port, answers } = contestantEnvironment();
const body = Buffer.from(JSON.stringify(answers['cached-get']));
const head = ['Content-Type', 'application/json; charset=utf-8', 'Content-Length', String(body.length)];

const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (_request, response) => {
  response.writeHead(200, head);
  response.end(body);
});
server.listen(port, host);
stopOnSigterm(async () => {
  server.close();
  server.closeAllConnections();
});
