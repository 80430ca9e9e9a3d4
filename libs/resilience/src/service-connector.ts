import { connect as connectTcp, isIP, type OnReadOpts, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import type { ServiceName } from '@nexus/contracts';
import type { buildConnector } from 'undici';
import { secureContextOptions } from './secure-server.js';
import { reasonOf, ServicePoolError } from './service-pool-error.js';
import { authority } from './service-urls.js';
import { spiffeIdentity } from './spiffe.js';
import type { TlsIdentity } from './tls-identity.js';

/** Where a connection goes, and as whom. */
export interface ConnectionPlan {
  readonly service: ServiceName;
  /** Host of the service's URL: sent as SNI when it is a name. */
  readonly host: string;
  readonly address: string;
  readonly port: number;
  /** Longest time until the address takes the connection, in ms; the TLS handshake then has four times as long. */
  readonly connectTimeoutMs: number;
  /** Absent for a plain connection. */
  readonly tls?: { readonly identity: TlsIdentity; readonly trustDomain: string };
}

/** Takes what a socket reads, in place of its stream; the bytes are there until it returns. */
export interface ByteReader {
  read(bytes: Buffer, length: number): void;
}

type Connected = (error: Error | null, socket: Socket | null) => void;

/** Opens connections, as undici wants it, or to be read by a reader of one's own. */
export interface ServiceConnector {
  (options: buildConnector.Options, callback: buildConnector.Callback): void;
  withReader(reader: ByteReader, callback: Connected): void;
}

/**
 * Where all sockets with a reader read into, one after the other: each reader is called before the next read, and keeps
 * nothing of it.
 */
const readBuffer = Buffer.alloc(64 * 1024);

const TCP_KEEP_ALIVE_MS = 60_000;
/**
 * A process that has just started and is turned to by everybody at once shakes hands slowly, and whoever gives up on it
 * adds to its work.
 */
const HANDSHAKE_FACTOR = 4;

interface ReadOption {
  readonly onread?: OnReadOpts;
}

function readOption(reader: ByteReader | undefined): ReadOption {
  if (reader === undefined) return {};
  return {
    onread: {
      buffer: readBuffer,
      callback: (length: number) => {
        reader.read(readBuffer, length);
        return true;
      },
    },
  };
}

const contexts = new WeakMap<TlsIdentity, SecureContext>();

/** Parsing keys and bundles costs more than a handshake: once per identity. */
function contextOf(identity: TlsIdentity): SecureContext {
  let context = contexts.get(identity);
  if (context === undefined) {
    context = createSecureContext(secureContextOptions(identity));
    contexts.set(identity, context);
  }
  return context;
}

/**
 * Opens connections to one address of a service. Over TLS the peer must prove by its SPIFFE name that it is the
 * service (X.509-SVID section 5); its host name is not looked at, for addresses come and go. The last session ticket
 * is kept for as long as the connector, and so for one identity only.
 */
export function serviceConnector(plan: ConnectionPlan): ServiceConnector {
  const { service, address, port, connectTimeoutMs, tls } = plan;
  const target = `${service} at ${authority(address, port)}`;
  let session: Buffer | undefined;

  const openTls = ({ identity }: { readonly identity: TlsIdentity }, onread: ReadOption): TLSSocket => {
    const socket = connectTls({
      ...onread,
      host: address,
      port,
      servername: isIP(plan.host) === 0 ? plan.host : '',
      secureContext: contextOf(identity),
      session,
      ALPNProtocols: ['http/1.1'],
      rejectUnauthorized: true,
      // The SPIFFE name is checked in its place.
      checkServerIdentity: () => undefined,
    });
    return socket.on('session', (ticket) => {
      // Tickets arrive after the handshake (RFC 8446 section 4.6.1), so a refused peer's never counts.
      if (!socket.destroyed) session = ticket;
    });
  };

  /** @returns what is wrong with the peer */
  const refusal = (socket: Socket): ServicePoolError | undefined => {
    if (tls === undefined) return undefined;
    // A resumed session shows no certificate: only the peer that this connector once checked could resume it.
    if ((socket as TLSSocket).isSessionReused()) return undefined;
    const certificate = (socket as TLSSocket).getPeerX509Certificate();
    const found = certificate && spiffeIdentity(certificate, tls.trustDomain);
    if (found?.services.has(service)) return undefined;
    const who = found === undefined ? 'no service of the trust domain' : [...found.services].join(' and ');
    return new ServicePoolError('UPSTREAM_IDENTITY', `The peer taken for ${target} is ${who}`);
  };

  const fault = (error: unknown) =>
    error instanceof ServicePoolError
      ? error
      : new ServicePoolError('UPSTREAM_CONNECT', `No connection to ${target}: ${reasonOf(error)}`, { cause: error });

  const connect = (reader: ByteReader | undefined, callback: Connected) => {
    let socket: Socket;
    try {
      const onread = readOption(reader);
      socket = tls ? openTls(tls, onread) : connectTcp({ host: address, port, ...onread });
    } catch (error) {
      queueMicrotask(() => callback(fault(error), null));
      return;
    }
    let isOver = false;
    const settle = (error: Error | null) => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      if (error === null) {
        callback(null, socket);
        return;
      }
      socket.destroy();
      callback(fault(error), null);
    };
    const giveUpIn = (ms: number) => setTimeout(() => settle(new Error(`no answer in ${ms} ms`)), ms);
    let timer = giveUpIn(connectTimeoutMs);
    if (tls) {
      socket.once('connect', () => {
        clearTimeout(timer);
        if (!isOver) timer = giveUpIn(connectTimeoutMs * HANDSHAKE_FACTOR);
      });
    }
    socket
      .setKeepAlive(true, TCP_KEEP_ALIVE_MS)
      .setNoDelay(true)
      .once(tls ? 'secureConnect' : 'connect', () => settle(refusal(socket) ?? null))
      // Stays on: a socket that is refused may fail once more.
      .on('error', settle)
      .once('close', () => settle(new Error('closed by the peer')));
  };
  const plain = (_options: buildConnector.Options, callback: buildConnector.Callback) =>
    connect(undefined, callback as Connected);
  return Object.assign(plain, { withReader: connect });
}
