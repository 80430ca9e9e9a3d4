import { type Agent, type ClientRequest, type IncomingMessage, request as startRequest } from 'node:http';
import { carriesBody, type Exchange } from '@nexus/http';
import { errors } from '@nexus/kernel';
import type { Dispatcher } from 'undici';
import type { Forwarding } from './forwarding.js';
import { bytesPassed } from './passing-bytes.js';

/** Who takes the answer. */
type AnswerHandler = Pick<
  Forwarding,
  'onRequestStart' | 'onResponseStart' | 'onResponseData' | 'onResponseEnd' | 'onResponseError'
>;

/** This interim answer was asked for, and Node tells of it by an event of its own. */
const CONTINUE = 100;

/** What undici gives a handler to steer a request with, for one of Node's own. */
class StreamController implements Dispatcher.DispatchController {
  answer: IncomingMessage | undefined;
  aborted = false;
  paused = false;
  reason: Error | null = null;

  constructor(private readonly request: ClientRequest) {}

  abort(reason: Error): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    this.request.destroy(reason);
  }

  pause(): void {
    this.paused = true;
    this.answer?.pause();
  }

  resume(): void {
    this.paused = false;
    this.answer?.resume();
  }
}

/**
 * Whether Node reads an answer to the end of its connection although it names a coding: its parser does so when blanks
 * follow `chunked` (https://github.com/nodejs/llhttp/issues/876), which are gone from the value.
 */
function readsToEnd({ shouldKeepAlive }: ClientRequest, { headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined && !shouldKeepAlive && headers.connection !== 'close';
}

/**
 * Sends a request whose body is a stream, at the speed of the slower side. Not by undici: it sends the head with the
 * first bytes of the body, so that a service could not refuse before them, and has no `Expect: 100-continue`
 * (RFC 9110 §10.1.1), which passes through here in both directions.
 */
export function forwardStream(
  exchange: Exchange,
  options: {
    readonly agent: Agent;
    readonly path: string;
    readonly headers: readonly string[];
    /** What `Host` says; the name of the service by default. */
    readonly host?: string;
  },
  forwarding: AnswerHandler,
): void {
  const client = exchange.request;
  const { agent, path } = options;
  const { 'content-length': length, 'transfer-encoding': coding } = client.headers;
  const headers = [...options.headers, 'host', options.host ?? exchange.route?.service ?? ''];
  if (length !== undefined) headers.push('content-length', length);
  else if (coding !== undefined) headers.push('transfer-encoding', 'chunked');
  if (exchange.awaitsContinue) headers.push('expect', '100-continue');
  const request = startRequest({ agent, method: client.method ?? '', path, headers, setHost: false });
  const controller = new StreamController(request);
  const send = () => {
    exchange.sayContinue();
    if (!carriesBody(client)) {
      request.end();
      return;
    }
    client.on('data', (chunk: Buffer) => bytesPassed(chunk.length));
    client.pipe(request);
  };
  const guarded = (work: () => void) => {
    try {
      work();
    } catch (error) {
      controller.abort(error as Error);
    }
  };
  request
    .on('continue', send)
    .on('information', ({ statusCode, headers: given }) => {
      if (statusCode !== CONTINUE) guarded(() => forwarding.onResponseStart(controller, statusCode, given));
    })
    // Nobody asked for another protocol, and Node tells of it in no other way.
    .on('upgrade', (_answer, socket) => {
      socket.destroy();
      forwarding.onResponseError(controller, errors.bad_gateway());
    })
    .on('response', (answer) => {
      controller.answer = answer;
      if (readsToEnd(request, answer)) {
        controller.abort(errors.bad_gateway());
        return;
      }
      answer
        .on('data', (chunk: Buffer) => guarded(() => forwarding.onResponseData(controller, chunk)))
        .on('end', () => forwarding.onResponseEnd(controller, answer.trailers))
        .on('error', (error) => forwarding.onResponseError(controller, error));
      guarded(() => forwarding.onResponseStart(controller, answer.statusCode ?? 0, answer.headers));
      if (controller.paused) answer.pause();
    })
    .on('error', (error) => forwarding.onResponseError(controller, error))
    // A service that refuses the body has answered before it ends: what is left of it goes nowhere.
    .on('close', () => client.unpipe(request));
  forwarding.onRequestStart(controller);
  // As `flushHeaders`, which would write bytes beyond ASCII in UTF-8.
  request.write('', 'latin1');
  if (!exchange.awaitsContinue) send();
}
