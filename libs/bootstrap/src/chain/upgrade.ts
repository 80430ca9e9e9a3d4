import { type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Turns } from './turns.js';

/** How long a client may take to leave after a refusal, in ms. */
const LEAVE_MS = 5_000;

interface HeldSocket extends Socket {
  /** The answer that is being given on it: Node's own field. */
  readonly _httpMessage?: ServerResponse | null;
}

/** An answer to a request that asks for another protocol: Node makes none, and leaves the connection to us. */
function answerOn(socket: Socket, request: IncomingMessage): ServerResponse {
  const response = new ServerResponse(request);
  response.assignSocket(socket);
  // A refusal is the last answer of its connection. Closing at once could take the answer away from its client.
  response.once('finish', () => {
    const timer = setTimeout(() => socket.destroy(), LEAVE_MS);
    socket.once('close', () => clearTimeout(timer));
    socket.once('end', () => socket.destroy());
    socket.resume();
    socket.end();
  });
  return response;
}

/**
 * Whether Node may leave a connection to its request: a plain GET, whose route takes it, and everything before it is
 * answered. Otherwise the request is one like all others, as RFC 9110 §7.8 has it.
 */
function mayUpgrade(request: IncomingMessage, takes: (request: IncomingMessage) => boolean): boolean {
  const { method, headers, socket } = request;
  if (method !== 'GET' || headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined)
    return false;
  return !(socket as HeldSocket)._httpMessage && takes(request);
}

/**
 * Takes requests that ask for another protocol (RFC 9110 §7.8), which pass the policy chain as all do. The connection is
 * then the handler's, until which its answer is not closed: the request counts as one that is being served.
 *
 * @param takes whether the route of a request takes such
 * @param run lets it in
 */
export function acceptUpgrades(
  server: Server,
  takes: (request: IncomingMessage) => boolean,
  run: (request: IncomingMessage, response: ServerResponse) => void,
): void {
  // The option of the constructor is this property, which may be set as long as nobody listens.
  Object.assign(server, { shouldUpgradeCallback: (request: IncomingMessage) => mayUpgrade(request, takes) });
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    if (!Turns.of(socket).begin()) {
      socket.destroy();
      return;
    }
    if (head.length > 0) socket.unshift(head);
    run(request, answerOn(socket, request));
  });
}
