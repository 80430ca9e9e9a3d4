import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http';
import { createServer as createSecureServer, type ServerOptions as SecureServerOptions } from 'node:https';
import type { Socket } from 'node:net';
import { Exchange, type ExchangeDefaults, errorBody, writeError } from '@nexus/http';
import { type AppError, errors, isUuidV4, uuidv4 } from '@nexus/kernel';
import { startTrace } from '@nexus/observability';
import { type Chain, type CrashReport, runChain, type Step } from './chain.js';
import type { InFlight } from './in-flight.js';
import { Turns } from './turns.js';
import { acceptUpgrades } from './upgrade.js';

/** How a listener treats what it takes. */
export interface FrontOptions {
  readonly steps: readonly Step[];
  readonly defaults: ExchangeDefaults;
  readonly inFlight: InFlight;
  /** Client address, from the connection and what trusted proxies say. */
  readonly addressOf: (request: IncomingMessage, viaGateway: boolean) => string;
  /** Whether a gateway of the platform sent the request on. */
  readonly isFromGateway?: (request: IncomingMessage) => boolean;
  readonly crashed: CrashReport;
  /** Counts what never became a request against the limits of its address; gives the headers that say so, and never fails. */
  readonly countFault: (socket: Socket) => readonly string[] | Promise<readonly string[]>;
  /** Called once per request when its answer is out or its client is gone. */
  readonly finished: (exchange: Exchange) => void;
  /** Takes requests that are none of a client's, before everything else. @returns whether it did */
  readonly before?: (request: IncomingMessage, response: ServerResponse) => boolean;
  /** Whether the route of a request takes another protocol, when it is asked for one; absent: none does. */
  readonly upgrades?: (request: IncomingMessage) => boolean;
  /** Absent: plain HTTP. */
  readonly tls?: SecureServerOptions;
}

const DEFAULT_TIMEOUT_MS = 10_000;
const LISTENER: ServerOptions & { readonly optimizeEmptyRequests: boolean } = {
  maxHeaderSize: 16 * 1024,
  headersTimeout: 10_000,
  // Bodies have deadlines of their own: the route's time-out, or the idle time of a stream.
  requestTimeout: 0,
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 1_000,
  insecureHTTPParser: false,
  // A request without a body has nothing to read and no events of a stream: a tenth of what Node does for it.
  optimizeEmptyRequests: true,
  // Checked by `admit`, which answers in the one format.
  requireHostHeader: false,
};
/** What the routes of the platform take, for a CONNECT, which names no route. */
const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';
const MAX_HEADERS = 100;

/** How long what is left of an answered request's body may take to come. */
const REST_OF_BODY_MS = 5_000;

/** A body that drips on after its answer would hold the connection for ever: nobody counts it any more. */
function cutOff(request: IncomingMessage): void {
  const { socket } = request;
  const timer = setTimeout(() => {
    if (!request.complete) socket.destroy();
  }, REST_OF_BODY_MS);
  timer.unref();
  const stop = () => {
    clearTimeout(timer);
    socket.off('close', stop);
  };
  socket.once('close', stop);
  request.once('end', stop);
}

/** Faults of the parser, before there is a request (Node's documentation of `clientError`). */
function parserFault(code: string | undefined): AppError {
  if (code === 'HPE_HEADER_OVERFLOW') return errors.headers_too_large();
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return errors.request_timeout();
  if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW') return errors.payload_too_large();
  return errors.bad_request();
}

/** Writes an error where there is no response object to write it with. */
function writeRaw(socket: Socket, error: AppError, headers: readonly string[]): void {
  if (!socket.writable) return;
  const id = uuidv4();
  const body = errorBody(error, id);
  const lines = [`HTTP/1.1 ${error.status} ${error.code}`, `Date: ${new Date().toUTCString()}`];
  for (let i = 0; i < headers.length; i += 2) lines.push(`${headers[i]}: ${headers[i + 1]}`);
  lines.push(
    `X-Request-Id: ${id}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    'Connection: close',
  );
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`);
}

/** Answers what never became a request, counted against the limits of its address. @param more header names and values in turn */
export function writeFault(
  { defaults, countFault }: Pick<FrontOptions, 'defaults' | 'countFault'>,
  socket: Socket,
  error: AppError,
  more: readonly string[] = [],
): void {
  const write = (limits: readonly string[]) => writeRaw(socket, error, [...defaults.headers, ...limits, ...more]);
  const limits = countFault(socket);
  if (!(limits instanceof Promise)) {
    write(limits);
    return;
  }
  // What follows a fault would be one fault more for each piece that comes.
  socket.pause();
  void limits.then((known) => {
    write(known);
    socket.resume();
  });
}

function answerParserFault(fault: NodeJS.ErrnoException, socket: Socket, write: (error: AppError) => void): void {
  const error = parserFault(fault.code);
  const running = (socket as Socket & { _httpMessage?: ServerResponse })._httpMessage;
  if (fault.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
  } else if (!running) {
    write(error);
  } else if (running.req.complete && running.req.nexus) {
    // What is broken came after this request, and maybe others that wait: they get their own answers first.
    Turns.of(socket).waitAsFault(() => write(error));
  } else if (running.req.complete) {
    running.once('finish', () => write(error));
  } else if (running.req.nexus && !running.headersSent) {
    // The body of this request broke: whoever reads it must learn that no more will come.
    const exchange = running.req.nexus;
    running.once('finish', () => socket.destroySoon());
    socket.once('close', () => running.req.destroy());
    const answer = () => {
      writeError(exchange, error);
      exchange.cancel();
    };
    // What it says of the limits is not known yet where somebody else is asked.
    if (exchange.deciding) void exchange.deciding.then(answer, answer);
    else answer();
  } else socket.destroy();
}

/**
 * One HTTP listener with the policy chain before everything else, so that malformed requests, unknown addresses and
 * crashes pass it too.
 *
 * @param serve takes what the chain lets pass
 */
export function createFront(options: FrontOptions, serve: (exchange: Exchange) => void): Server {
  const { defaults, inFlight, before, tls } = options;
  const chain: Chain = { steps: options.steps, last: serve, crashed: options.crashed };

  function open(request: IncomingMessage, response: ServerResponse): Exchange {
    const { headers } = request;
    const given = headers['x-request-id'];
    const id = typeof given === 'string' && isUuidV4(given) ? given : uuidv4();
    const trace = startTrace(headers.traceparent as string | undefined, headers.tracestate as string | undefined);
    const exchange = new Exchange(request, response, id, trace, defaults, Date.now(), DEFAULT_TIMEOUT_MS);
    exchange.viaGateway = options.isFromGateway?.(request) ?? false;
    exchange.address = options.addressOf(request, exchange.viaGateway);
    request.nexus = exchange;
    inFlight.add(exchange);
    // Told once by Node itself.
    response.on('close', () => {
      if (!response.writableFinished) exchange.cancel();
      else if (!request.complete) cutOff(request);
      inFlight.remove(exchange);
      options.finished(exchange);
      Turns.of(request.socket).done();
    });
    return exchange;
  }

  /** Lets a request in when those before it on its connection are answered. */
  function inTurn(
    request: IncomingMessage,
    response: ServerResponse,
    run: (request: IncomingMessage, response: ServerResponse) => void,
  ): void {
    const turns = Turns.of(request.socket);
    if (turns.begin()) run(request, response);
    else turns.wait(request, () => run(request, response));
  }

  const admitted = (request: IncomingMessage, response: ServerResponse) => runChain(chain, open(request, response));
  const take = (request: IncomingMessage, response: ServerResponse) => {
    if (!before?.(request, response)) inTurn(request, response, admitted);
  };
  const server = tls ? createSecureServer({ ...LISTENER, ...tls }, take) : createServer(LISTENER, take);
  server.maxHeadersCount = MAX_HEADERS;
  // What is silent in the midst of a request, `InFlight` ends.
  server.timeout = 0;
  // The body is asked for by whoever reads it, after the chain has let the request pass: a refusal costs the client
  // nothing.
  const admittedLater = (request: IncomingMessage, response: ServerResponse) => {
    const exchange = open(request, response);
    exchange.awaitsContinue = true;
    runChain(chain, exchange);
  };
  const refused = (request: IncomingMessage, response: ServerResponse) => {
    const exchange = open(request, response);
    exchange.refusal = errors.expectation_failed();
    runChain(chain, exchange);
  };
  server.on('checkContinue', (request, response) => inTurn(request, response, admittedLater));
  server.on('checkExpectation', (request, response) => inTurn(request, response, refused));
  if (options.upgrades) acceptUpgrades(server, options.upgrades, admitted);
  server.on('clientError', (fault: NodeJS.ErrnoException, socket: Socket) =>
    answerParserFault(fault, socket, (error) => writeFault(options, socket, error)),
  );
  server.on('connect', (_request: IncomingMessage, socket: Socket) =>
    writeFault(options, socket, errors.method_not_allowed(), ['Allow', METHODS]),
  );
  return server;
}
