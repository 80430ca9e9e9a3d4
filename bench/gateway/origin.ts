import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { pause } from '../machine.ts';
import { originAnswer } from './origin-answer.ts';
import { required, stopOnSigterm } from './proxy-environment.ts';

/** How fast an upload is taken, in bytes per millisecond: 80 MB/s. */
const DRAIN_RATE = 80_000;
/** Shorter pauses than this are not worth a timer. */
const SHORTEST_PAUSE_MS = 5;
/** Longer than any pause of the benchmark, so that no connection ends between samples of one round. */
const KEEP_ALIVE_MS = 300_000;

/**
 * The upstream of the gateways: one constant answer, over plain HTTP and over TLS for those who show a certificate.
 * Uploads are taken slowly. It also says how many TLS handshakes it has seen.
 */
const body = Buffer.from(originAnswer());
const head = ['Content-Type', 'application/json; charset=utf-8', 'Content-Length', String(body.length)];
const handshakes = { full: 0, resumed: 0 };

async function takeSlowly(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const start = performance.now();
  let received = 0;
  for await (const chunk of request) {
    received += (chunk as Buffer).length;
    const ahead = start + received / DRAIN_RATE - performance.now();
    if (ahead > SHORTEST_PAUSE_MS) await pause(ahead);
  }
  json(response, 201, { received });
}

function json(response: ServerResponse, status: number, value: object): void {
  const text = JSON.stringify(value);
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': text.length });
  response.end(text);
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  if (request.method === 'POST') {
    takeSlowly(request, response).catch(() => response.destroy());
  } else if (request.url === '/bench/handshakes') {
    json(response, 200, handshakes);
  } else {
    response.writeHead(200, head);
    response.end(body);
  }
}

const host = required('BENCH_HOST');
const plain = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, answer);
const secure = createSecureServer(
  {
    cert: readFileSync(required('TLS_CERT_FILE')),
    key: readFileSync(required('TLS_KEY_FILE')),
    ca: readFileSync(required('TLS_CA_FILE')),
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.3',
    keepAliveTimeout: KEEP_ALIVE_MS,
  },
  answer,
);
secure.on('secureConnection', (socket: TLSSocket) => {
  handshakes[socket.isSessionReused() ? 'resumed' : 'full'] += 1;
});
secure.listen(Number(required('BENCH_TLS_PORT')), host);
plain.listen(Number(required('BENCH_PORT')), host);
stopOnSigterm(async () => {
  for (const server of [plain, secure]) {
    server.close();
    server.closeAllConnections();
  }
});
