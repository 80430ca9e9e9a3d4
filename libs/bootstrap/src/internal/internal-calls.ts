import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AccessTokenVerifier } from '@nexus/auth-guards';
import { INTERNAL_PREFIX, portPath, STREAM_TYPE } from '@nexus/clients';
import type { PortClass, PortMethod, ServiceName } from '@nexus/contracts';
import { toAppError, validationError } from '@nexus/http';
import { type AppError, errors } from '@nexus/kernel';
import type { Logger } from '@nexus/observability';
import { writeData, writeFault } from './call-answer.js';
import { readInput } from './call-input.js';
import { IncomingCall } from './incoming-call.js';
import type { Subscribe } from './outgoing-stream.js';
import { OutgoingStreams } from './outgoing-streams.js';

/** A port that this process provides to others. */
export interface InternalPort {
  readonly token: PortClass;
  /** Who answers: what {@link localPort} makes of the provider. */
  readonly client: object;
  /** Services that may call it. */
  readonly callers: readonly ServiceName[];
}

export interface InternalCallsOptions {
  readonly ports: readonly InternalPort[];
  readonly verifier: Pick<AccessTokenVerifier, 'verify'>;
  /** The service at the other end, as its certificate says; undefined when it says none. */
  readonly callerOf: (request: IncomingMessage) => ServiceName | undefined;
  readonly logger: Logger;
  /** After so long a stream is ended in order and followed anew, so that no connection outlives its certificate for long. */
  readonly maxStreamMs?: number;
}

/** The side of an internal listener that answers the calls of other services. */
export interface InternalCalls {
  /** Takes what is below `/internal/`. @returns false for every other address: then nothing was done */
  (request: IncomingMessage, response: ServerResponse): boolean;
  /** Calls that have no answer yet; streams do not count. */
  readonly running: number;
  /** From now on each answer closes its connection. */
  announceStop(): void;
  /** Ends every stream and takes no new one. */
  close(): void;
}

interface Member {
  readonly what: string;
  readonly callers: ReadonlySet<ServiceName>;
}
interface MethodTarget extends Member {
  readonly kind: 'method';
  readonly method: PortMethod;
  readonly call: (ctx: unknown, input: unknown) => Promise<unknown>;
}
interface StreamTarget extends Member {
  readonly kind: 'stream';
  readonly subscribe: Subscribe;
}
type Target = MethodTarget | StreamTarget;

function targets(ports: readonly InternalPort[]): Map<string, Target> {
  const found = new Map<string, Target>();
  for (const { token, client, callers } of ports) {
    const { port } = token;
    const members = client as Record<string, (...args: unknown[]) => unknown>;
    const member = (name: string) => ({ what: `${port.name}.${name}`, callers: new Set(callers) });
    const bound = (name: string) => {
      const value = members[name];
      if (typeof value !== 'function') throw new Error(`The provider of ${port.name} has no ${name}`);
      return value.bind(client);
    };
    for (const [name, method] of Object.entries(port.methods))
      found.set(portPath(port, name), {
        ...member(name),
        kind: 'method',
        method,
        call: bound(name) as MethodTarget['call'],
      });
    for (const name of port.streams)
      found.set(portPath(port, name), { ...member(name), kind: 'stream', subscribe: bound(name) as Subscribe });
  }
  return found;
}

/**
 * Answers calls of other services on an internal listener: `POST /internal/v1/<port>/<method>`. A stream is answered for
 * as long as it is followed; what its follower says meanwhile is the body. Whoever is no declared caller of the port is
 * refused before its body is read. The provider gets the context it would get from a caller in the same process; what it
 * throws goes back as it is. Never give this to a listener that clients can reach.
 */
export function createInternalCalls(options: InternalCallsOptions): InternalCalls {
  const { verifier, callerOf, logger } = options;
  const found = targets(options.ports);
  const streams = new OutgoingStreams(options.maxStreamMs);
  let running = 0;
  let closing = false;
  let closed = false;

  function refuse(call: IncomingCall, error: AppError): void {
    writeFault(call.request, call.response, call.requestId, error, false, closing);
  }

  /** @throws AppError for a call that is none, or not allowed to this caller */
  function admit(call: IncomingCall): { readonly target: Target; readonly caller: ServiceName } {
    const { request, requestId, trace } = call;
    const target = found.get(request.url ?? '');
    if (!target) throw errors.not_found();
    if (request.method !== 'POST') throw errors.method_not_allowed({ headers: { allow: 'POST' } });
    const caller = callerOf(request);
    if (caller !== undefined && target.callers.has(caller)) return { target, caller };
    logger.warn('A call of a service was refused: it is no declared caller of the port', {
      'event.action': 'internal-call-refused',
      'http.request.id': requestId,
      'trace.id': trace.traceId,
      'source.ip': request.socket.remoteAddress,
      caller: caller ?? null,
      target: target.what,
    });
    throw errors.forbidden();
  }

  async function perform(call: IncomingCall, target: MethodTarget, caller: ServiceName, input: unknown): Promise<void> {
    const { request, response, requestId } = call;
    const actor = await call.actor(verifier, caller);
    if (actor.kind === 'service' && !target.method.serviceActor) throw errors.forbidden();
    const checked = target.method.input.safeParse(input);
    if (!checked.success) throw validationError(checked.error.issues as Parameters<typeof validationError>[0]);
    if (Date.now() >= call.deadline) throw errors.timed_out();
    const data = await target.call(call.context(actor), checked.data);
    writeData(request, response, requestId, data, closing);
  }

  function fail(call: IncomingCall, what: string, thrown: unknown): void {
    const error = toAppError(thrown);
    const { request, response, requestId, trace } = call;
    if (error.status >= 500 && !call.over)
      logger.error(error.status === 500 ? 'A call of a service crashed' : 'A call of a service could not be served', {
        'http.request.id': requestId,
        'trace.id': trace.traceId,
        'event.action': what,
        error: error.cause ?? error,
      });
    writeFault(request, response, requestId, error, true, closing);
  }

  async function answer(call: IncomingCall, target: MethodTarget, caller: ServiceName): Promise<void> {
    let input: unknown;
    try {
      input = await readInput(call.request);
    } catch (thrown) {
      refuse(call, toAppError(thrown));
      return;
    }
    try {
      await perform(call, target, caller, input);
    } catch (thrown) {
      fail(call, target.what, thrown);
    }
  }

  /** @throws AppError when it cannot begin */
  function begin(call: IncomingCall, target: StreamTarget, caller: ServiceName): void {
    if (closed) throw errors.unavailable({ headers: { 'retry-after': '1' } });
    const follower = {
      request: call.request,
      response: call.response,
      requestId: call.requestId,
      late: () =>
        logger.warn('A follower of a stream was cut off: it did not say in time that it has taken an entry', {
          'event.action': 'stream-follower-late',
          caller,
          target: target.what,
        }),
    };
    streams.open(follower, target.subscribe);
  }

  function stream(call: IncomingCall, target: StreamTarget, caller: ServiceName): void {
    if (call.request.headers['content-type'] !== STREAM_TYPE) {
      refuse(call, errors.unsupported_media_type());
      return;
    }
    try {
      begin(call, target, caller);
    } catch (thrown) {
      fail(call, target.what, thrown);
    }
  }

  /** The deadline passed without an answer. */
  function late(call: IncomingCall): void {
    const { request, response, requestId } = call;
    const error = request.complete ? errors.timed_out() : errors.request_timeout();
    writeFault(request, response, requestId, error, request.complete, closing);
  }

  const handle = (request: IncomingMessage, response: ServerResponse): boolean => {
    if (!request.url?.startsWith(INTERNAL_ROOT)) return false;
    const call = new IncomingCall(request, response, late);
    try {
      const { target, caller } = admit(call);
      if (target.kind === 'stream') {
        stream(call, target, caller);
        return true;
      }
      running++;
      response.once('close', () => {
        running--;
      });
      void answer(call, target, caller);
    } catch (thrown) {
      refuse(call, toAppError(thrown));
    }
    return true;
  };

  return Object.defineProperties(handle, {
    running: { get: () => running },
    announceStop: {
      value: () => {
        closing = true;
      },
    },
    close: {
      value: () => {
        closing = true;
        closed = true;
        streams.close();
      },
    },
  }) as InternalCalls;
}

/** No address below it is anybody else's. */
const INTERNAL_ROOT = INTERNAL_PREFIX.slice(0, INTERNAL_PREFIX.indexOf('/', 1) + 1);
