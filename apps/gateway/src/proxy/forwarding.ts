import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { ForwarderParts } from '@nexus/bootstrap';
import { wireHeaders } from '@nexus/clients';
import { commonHeaders, type Exchange, endAnswer, isUnderWay, writeError } from '@nexus/http';
import { type AppError, errors } from '@nexus/kernel';
import { OutOfTime } from '@nexus/resilience';
import type { Dispatcher } from 'undici';
import { answerFields, isFramed, trailerFields } from './answer-fields.js';
import { keepForwarded } from './kept-answer.js';
import { bytesPassed } from './passing-bytes.js';
import { takesTrailers } from './request-fields.js';
import { foreignError, isPlatformType, platformErrorCode, upstreamFailure } from './upstream-error.js';

type Controller = Dispatcher.DispatchController;

/** Most that is held back: an answer of known length leaves in one write up to here, an error is looked into. */
const HELD_BYTES = 64 * 1024;
/** Interim answers (1xx) of one request. */
const MAX_INTERIM = 16;

/** Nobody waits for the answer any more. */
class ClientGone extends Error {
  override readonly name = 'ClientGone';
}

/** Told how the request at the service ended. */
export type Ended = (exchange: Exchange, failure: AppError | undefined) => void;

/**
 * One request at a service: takes the answer as undici gives it and passes it to the client, at the client's speed. An
 * answer that is small leaves in one write, a larger one as it comes; errors that are not in the one format are told
 * in it.
 */
export class Forwarding implements Dispatcher.DispatchHandler {
  private readonly response: ServerResponse;
  private controller: Controller | undefined;
  private status = 0;
  private headers: IncomingHttpHeaders = {};
  /** What is held back: a small answer, or an error. */
  private held: Buffer[] | undefined;
  private heldBytes = 0;
  private interim = 0;
  private ended = false;

  /** @param changesKnown waits until a change is known here that a service has told of */
  constructor(
    private readonly exchange: Exchange,
    private readonly onEnded: Ended,
    private readonly changesKnown?: ForwarderParts['changesKnown'],
  ) {
    this.response = exchange.response;
    exchange.whenCancelled(() => this.controller?.abort(this.whyOver()));
  }

  onRequestStart(controller: Controller): void {
    this.controller = controller;
    // Its time was up, or its client went away, while it waited for a connection.
    if (this.isOver) controller.abort(this.whyOver());
  }

  /** That its time was up says something about the service; that the client went away does not. */
  private whyOver(): Error {
    return Date.now() >= this.exchange.deadline ? new OutOfTime() : new ClientGone('Nobody waits any more');
  }

  private get isOver(): boolean {
    return this.response.destroyed || this.response.writableEnded;
  }

  onResponseStart(controller: Controller, status: number, headers: IncomingHttpHeaders): void {
    // Not everything that a parser takes for a status is one (RFC 9110 §15).
    if (status < 100 || status > 599) throw errors.bad_gateway();
    if (status < 200) {
      this.passInterim(status, headers);
      return;
    }
    if (!isFramed(headers)) throw errors.bad_gateway();
    this.status = status;
    this.headers = headers;
    const length = headers['content-length'];
    const bodiless = this.exchange.request.method === 'HEAD' || status === 204 || status === 304;
    if (status >= 400 && !bodiless) this.held = [];
    else if (bodiless || (length !== undefined && Number(length) <= HELD_BYTES)) this.held = [];
    else this.start(controller);
  }

  /**
   * 102 and 103 are passed on (RFC 9110 §15.2, RFC 8297), but not to a client of HTTP/1.0; 100 was answered before the
   * body came, 101 is no answer to a plain request.
   */
  private passInterim(status: number, headers: IncomingHttpHeaders): void {
    this.interim += 1;
    if (status === 101 || this.interim > MAX_INTERIM) throw errors.bad_gateway();
    const { response, exchange } = this;
    if (this.isOver || response.headersSent || exchange.request.httpVersionMinor === 0) return;
    if (status === 102) response.writeProcessing();
    if (status !== 103 || headers.link === undefined) return;
    try {
      response.writeEarlyHints({ link: headers.link });
    } catch {
      // Node takes less for a link than RFC 8288 does; a hint is nothing that anybody has to get.
    }
  }

  /** Sends the head: the body follows as it comes. */
  private start(controller: Controller): void {
    if (this.isOver || this.response.headersSent) {
      controller.abort(new ClientGone('Nobody waits any more'));
      return;
    }
    this.writeHead(true);
    // As `flushHeaders`, which would write bytes beyond ASCII in UTF-8; Node holds it back to the end of the turn.
    this.response.write('', 'latin1');
    this.response.socket?.uncork();
    this.response.on('drain', () => controller.resume());
  }

  private writeHead(withLength: boolean, length?: number): void {
    const { exchange, response, headers } = this;
    if (this.status >= 400 && isUnderWay(exchange.request)) exchange.close = true;
    const fields = commonHeaders(exchange);
    answerFields(headers, fields, withLength);
    if (length !== undefined) fields.push('content-length', String(length));
    if (headers.date !== undefined) response.sendDate = false;
    response.writeHead(this.status, fields);
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    if (this.held === undefined) {
      bytesPassed(chunk.length);
      if (!this.response.write(chunk)) controller.pause();
      return;
    }
    this.heldBytes += chunk.length;
    if (this.heldBytes > HELD_BYTES) throw errors.bad_gateway();
    this.held.push(chunk);
  }

  onResponseEnd(_controller: Controller, trailers: IncomingHttpHeaders): void {
    if (this.held !== undefined) this.finishKnown(this.held);
    else {
      if (takesTrailers(this.exchange.request) && this.headers['content-length'] === undefined) {
        this.response.addTrailers(trailerFields(trailers));
      }
      this.response.end();
    }
    this.end(undefined);
  }

  /** Who made a change finds it in what is kept here, too, once the change is answered. */
  private finishKnown(held: Buffer[]): void {
    const told = this.changesKnown && this.headers[wireHeaders.changes];
    const { route } = this.exchange;
    if (told === undefined || !route) {
      this.finishWhole(held);
      return;
    }
    const known = this.changesKnown?.(route.service, Number(told));
    known?.then(() => this.finishWhole(held)).catch((error: Error) => this.onResponseError(null, error));
  }

  private finishWhole(held: Buffer[]): void {
    const { response, exchange } = this;
    if (this.isOver || response.headersSent) return;
    const bytes = held.length === 1 ? (held[0] as Buffer) : Buffer.concat(held);
    // Latin-1 has a character for every byte: as text, head and body leave in one write, and no byte changes.
    const body = bytes.toString('latin1');
    const { status } = this;
    if (status >= 500 && exchange.fallback?.()) return;
    if (exchange.fill !== undefined) keepForwarded(exchange.fill, exchange, { status, headers: this.headers, bytes });
    const toHead = exchange.request.method === 'HEAD';
    if (status >= 400) {
      const code = this.errorCode(body, toHead);
      if (code === undefined) {
        writeError(exchange, foreignError(status));
        return;
      }
      exchange.errorCode = code;
    }
    const bodiless = toHead || status === 204 || status === 304;
    // RFC 9110 §8.6: never with a 204.
    this.writeHead(bodiless && status !== 204, bodiless ? undefined : body.length);
    endAnswer(exchange, bodiless ? undefined : body, 'latin1');
  }

  /** First code of an error in the one format; an answer to HEAD is judged by its fields. */
  private errorCode(body: string, toHead: boolean): string | undefined {
    if (!isPlatformType(this.headers)) return undefined;
    if (toHead) return '';
    return platformErrorCode(Buffer.from(body, 'latin1').toString(), this.status, this.exchange.id);
  }

  onResponseError(_controller: Controller | null, error: Error): void {
    if (error instanceof ClientGone || error instanceof OutOfTime) {
      this.endStream();
      this.end(undefined);
      return;
    }
    const failure = upstreamFailure(error);
    if (!this.isOver) {
      // Half an answer is out: the client must see that it is not whole.
      if (this.response.headersSent) this.response.destroy();
      else {
        if (isUnderWay(this.exchange.request)) this.exchange.close = true;
        writeError(this.exchange, failure);
      }
    }
    this.end(failure);
  }

  /** A stream is cancelled when this process stops: it ends in order, and its client comes again elsewhere. */
  private endStream(): void {
    if (this.isOver || this.exchange.route?.produces !== 'sse') return;
    if (this.response.headersSent) this.response.end();
    else writeError(this.exchange, errors.unavailable({ headers: { 'retry-after': '1' } }));
  }

  private end(failure: AppError | undefined): void {
    if (this.ended) return;
    this.ended = true;
    this.onEnded(this.exchange, failure);
  }
}
