import { isUtf8 } from 'node:buffer';
import type { IncomingHttpHeaders } from 'node:http';
import { mediaTypeOf } from '@nexus/http';
import { errors } from '@nexus/kernel';
import type { Dispatcher } from 'undici';
import { isFramed } from './answer-fields.js';

type Controller = Dispatcher.DispatchController;
type Handler = Required<
  Pick<
    Dispatcher.DispatchHandler,
    'onRequestStart' | 'onResponseStart' | 'onResponseData' | 'onResponseEnd' | 'onResponseError'
  >
>;

/** What is done to the answers of one route. */
export interface AnswerChange {
  readonly headers?: ((headers: IncomingHttpHeaders) => IncomingHttpHeaders) | undefined;
  /** A JSON answer becomes the `data` of an envelope; absent: it stays as it is. */
  readonly envelope?: { readonly maxBytes: number } | undefined;
}

/** What speaks of the bytes of a body, which an envelope changes. */
const OF_THE_BYTES = new Set([
  ...['content-length', 'content-type', 'content-md5', 'content-digest', 'repr-digest', 'digest', 'accept-ranges'],
  ...['trailer', 'transfer-encoding'],
]);

/** Whether an answer is whole JSON: what is compressed, or a part, cannot be looked into. */
function isJson(status: number, headers: IncomingHttpHeaders): boolean {
  if (status < 200 || status >= 300 || status === 204 || status === 205 || status === 206) return false;
  const media = mediaTypeOf(headers['content-type'] ?? '');
  return (
    headers['content-encoding'] === undefined && (media === 'application/json' || media?.endsWith('+json') === true)
  );
}

function isValid(bytes: Buffer): boolean {
  if (!isUtf8(bytes)) return false;
  try {
    JSON.parse(bytes.toString());
    return true;
  } catch {
    return false;
  }
}

/** Changes an answer on its way to whoever passes it to the client. */
export class AnswerTransform implements Handler {
  private status = 0;
  private headers: IncomingHttpHeaders = {};
  private held: Buffer[] | undefined;
  private heldBytes = 0;

  constructor(
    private readonly change: AnswerChange,
    private readonly request: { readonly id: string; readonly isHead: boolean },
    private readonly next: Handler,
  ) {}

  onRequestStart(controller: Controller): void {
    this.next.onRequestStart(controller, undefined);
  }

  onResponseStart(controller: Controller, status: number, headers: IncomingHttpHeaders): void {
    const { envelope } = this.change;
    const changed = status < 200 ? headers : (this.change.headers?.(headers) ?? headers);
    if (!envelope || !isJson(status, headers) || !isFramed(headers)) {
      this.next.onResponseStart(controller, status, changed);
      return;
    }
    if (this.request.isHead) {
      this.next.onResponseStart(controller, status, this.enveloped(changed));
      return;
    }
    this.status = status;
    this.headers = changed;
    this.held = [];
  }

  /** The fields of an answer in an envelope. */
  private enveloped(headers: IncomingHttpHeaders, length?: number): IncomingHttpHeaders {
    const made: IncomingHttpHeaders = {};
    for (const name in headers) if (!OF_THE_BYTES.has(name)) made[name] = headers[name];
    made['content-type'] = 'application/json; charset=utf-8';
    if (length !== undefined) made['content-length'] = String(length);
    return made;
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    if (!this.held) {
      this.next.onResponseData(controller, chunk);
      return;
    }
    this.heldBytes += chunk.length;
    if (this.heldBytes > (this.change.envelope?.maxBytes ?? 0))
      throw errors.bad_gateway({ cause: new Error('The answer is larger than an envelope of this route may be') });
    this.held.push(chunk);
  }

  onResponseEnd(controller: Controller, trailers: IncomingHttpHeaders): void {
    const { held } = this;
    if (!held) {
      this.next.onResponseEnd(controller, trailers);
      return;
    }
    try {
      this.passWhole(controller, Buffer.concat(held));
    } catch (error) {
      this.next.onResponseError(controller, error as Error);
    }
  }

  private passWhole(controller: Controller, bytes: Buffer): void {
    const wrapped = isValid(bytes);
    // The value goes in as it came, so that no number changes.
    const body = wrapped
      ? Buffer.concat([
          Buffer.from('{"success":true,"data":'),
          bytes,
          Buffer.from(`,"request_id":"${this.request.id}"}`),
        ])
      : bytes;
    this.next.onResponseStart(
      controller,
      this.status,
      wrapped ? this.enveloped(this.headers, body.length) : this.headers,
    );
    if (body.length > 0) this.next.onResponseData(controller, body);
    this.next.onResponseEnd(controller, {});
  }

  onResponseError(controller: Controller | null, error: Error): void {
    this.next.onResponseError(controller as Controller, error);
  }
}
