import type { ServerOptions } from 'node:https';
import type { Socket } from 'node:net';
import { type SecureContextOptions, type Server, TLSSocket } from 'node:tls';
import type { ServiceName } from '@nexus/contracts';
import { spiffeIdentity } from './spiffe.js';
import type { TlsPem } from './tls-identity.js';
import type { TlsMaterial } from './tls-material.js';

const HANDSHAKE_TIMEOUT_MS = 5_000;
/** A resumed handshake does not look at the peer's certificate again, so tickets are short-lived. */
const SESSION_TIMEOUT_SECONDS = 300;

/** What either end of a connection between services asks for: TLS 1.3 (RFC 8446) and ECDSA alone. */
export function secureContextOptions({ cert, key, ca }: TlsPem): SecureContextOptions {
  return {
    cert,
    key,
    ca,
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    sigalgs: 'ecdsa_secp256r1_sha256:ecdsa_secp384r1_sha384',
    sessionTimeout: SESSION_TIMEOUT_SECONDS,
  };
}

/** Options of `https.createServer` for a listener that only services of the platform may reach. */
export function secureServerOptions(material: TlsMaterial): ServerOptions {
  return {
    ...secureContextOptions(material.identity),
    requestCert: true,
    rejectUnauthorized: true,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    ALPNProtocols: ['http/1.1'],
  };
}

/**
 * Lets a listener follow the material: open connections live on, new handshakes see the new certificate and are
 * checked against the new bundle. Tickets of before are worth nothing then, so that nobody resumes past a change.
 *
 * @returns ends it
 */
export function attachReload(server: Server, material: TlsMaterial): () => void {
  // Every option again: one that is left out falls back to Node's default.
  return material.subscribe((identity) => server.setSecureContext(secureContextOptions(identity)));
}

const NOBODY: ReadonlySet<ServiceName> = new Set();
const peers = new WeakMap<Socket, { readonly trustDomain: string; readonly services: ReadonlySet<ServiceName> }>();

/**
 * The services of the process at the other end of an accepted connection, by its verified certificate. Remembered per
 * connection, so that a request costs a look-up.
 *
 * @returns none for a plain connection, an unverified certificate, or one of no service in this trust domain
 */
export function peerServices(socket: Socket, trustDomain: string): ReadonlySet<ServiceName> {
  const known = peers.get(socket);
  if (known?.trustDomain === trustDomain) return known.services;
  let services = NOBODY;
  if (socket instanceof TLSSocket && socket.authorized) {
    const certificate = socket.getPeerX509Certificate();
    if (certificate !== undefined) services = spiffeIdentity(certificate, trustDomain)?.services ?? NOBODY;
  }
  peers.set(socket, { trustDomain, services });
  return services;
}
