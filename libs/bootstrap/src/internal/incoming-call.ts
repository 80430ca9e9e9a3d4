import type { IncomingMessage, ServerResponse } from 'node:http';
import { type AccessTokenVerifier, challenge } from '@nexus/auth-guards';
import { ANONYMOUS_ACTOR, MAX_CALL_MS, wireHeaders } from '@nexus/clients';
import type { ServiceName } from '@nexus/contracts';
import {
  type Actor,
  ANONYMOUS,
  type CallContext,
  errors,
  isUuidV4,
  serviceActor,
  type TraceContext,
  uuidv4,
} from '@nexus/kernel';
import { startTrace } from '@nexus/observability';
import { deadlineFrom } from '@nexus/resilience';

const BEARER = /^Bearer +([A-Za-z0-9\-._~+/]+=*)$/i;
const ADDRESS = /^[\x21-\x7e]{1,64}$/;

function one(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** One call from another service, from its head to its answer. */
export class IncomingCall {
  readonly requestId: string;
  readonly trace: TraceContext;
  /** Milliseconds since the epoch, by this machine's clock. */
  readonly deadline: number;
  private abort: AbortController | undefined;
  private cancelled = false;
  private token: string | undefined;
  private readonly timer: NodeJS.Timeout;

  /** @param late called once, when the deadline has passed and nothing was answered */
  constructor(
    readonly request: IncomingMessage,
    readonly response: ServerResponse,
    late: (call: IncomingCall) => void,
  ) {
    const { headers } = request;
    const given = one(headers['x-request-id']);
    this.requestId = given !== undefined && isUuidV4(given) ? given : uuidv4();
    this.trace = startTrace(headers.traceparent as string | undefined, headers.tracestate as string | undefined);
    this.deadline = deadlineFrom(headers[wireHeaders.deadline], MAX_CALL_MS);
    this.timer = setTimeout(() => {
      this.cancel();
      late(this);
    }, this.deadline - Date.now());
    response.once('close', () => {
      clearTimeout(this.timer);
      // The caller does not wait any more.
      if (!response.writableFinished) this.cancel();
    });
  }

  /** Aborted when the caller is gone or the time is over; made only for those who ask. */
  get signal(): AbortSignal {
    this.abort ??= new AbortController();
    if (this.cancelled) this.abort.abort();
    return this.abort.signal;
  }

  /** True when no answer can or need be given any more. */
  get over(): boolean {
    return this.response.headersSent || this.response.destroyed;
  }

  private cancel(): void {
    this.cancelled = true;
    this.abort?.abort();
  }

  /**
   * Who acts: the user of the token, nobody where the caller says so, else the calling service itself.
   * @throws AppError of the verifier for a token that does not count
   */
  actor(verifier: Pick<AccessTokenVerifier, 'verify'>, caller: ServiceName): Actor | Promise<Actor> {
    const { authorization, [wireHeaders.actor]: actor } = this.request.headers;
    if (authorization === undefined) return actor === ANONYMOUS_ACTOR ? ANONYMOUS : serviceActor(caller);
    this.token = BEARER.exec(authorization)?.[1];
    if (this.token === undefined) throw errors.token_invalid({ headers: challenge('invalid_token') });
    return verifier.verify(this.token);
  }

  /** What the provider is called with, once it is known who acts. */
  context(actor: Actor): CallContext {
    const call = this;
    const { headers } = this.request;
    const context: { -readonly [K in keyof CallContext]: CallContext[K] } = {
      actor,
      requestId: this.requestId,
      deadline: this.deadline,
      trace: this.trace,
      get signal() {
        return call.signal;
      },
    };
    const address = one(headers[wireHeaders.clientAddress]);
    if (address !== undefined && ADDRESS.test(address)) context.address = address;
    const userAgent = one(headers[wireHeaders.userAgent]);
    if (userAgent !== undefined) context.userAgent = userAgent;
    if (this.token !== undefined) context.credential = this.token;
    return context;
  }
}
