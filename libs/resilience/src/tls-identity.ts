import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import type { ServiceName } from '@nexus/contracts';
import { type SpiffeIdentity, spiffeIdentity } from './spiffe.js';

/** Certificate chain (own first), private key and authorities, each in PEM form. */
export interface TlsPem {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** A set of certificate, key and authorities that fit together. */
export interface TlsIdentity extends TlsPem, SpiffeIdentity {
  /** Upper-case hex. */
  readonly serialNumber: string;
  /** When the certificate ends, milliseconds since the epoch. */
  readonly notAfter: number;
}

export interface TlsIdentityRules {
  readonly trustDomain: string;
  /** Services that the certificate must be of; any of the platform when absent. */
  readonly services?: readonly ServiceName[];
}

/** TLS material that cannot be used; the message is one sentence without any of its content. */
export class TlsMaterialError extends Error {
  override readonly name = 'TlsMaterialError';
}

const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const MAX_PEM_LENGTH = 1_048_576;
const MAX_CHAIN = 8;

function certificates(pem: string, what: string): X509Certificate[] {
  if (pem.length > MAX_PEM_LENGTH) throw new TlsMaterialError(`${what} is larger than 1 MiB`);
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g);
  if (blocks === null) throw new TlsMaterialError(`${what} holds no certificate in PEM form`);
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block);
    } catch {
      throw new TlsMaterialError(`certificate ${index + 1} of ${what} cannot be read`);
    }
  });
}

function privateKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw new TlsMaterialError('the private key cannot be read');
  }
}

const isCurrent = (certificate: X509Certificate, now: number) =>
  certificate.validFromDate.getTime() <= now && now < certificate.validToDate.getTime();

const isIssuedBy = (certificate: X509Certificate, issuer: X509Certificate) =>
  certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);

/** Whether a current authority of the bundle stands at the end of the chain (RFC 5280 section 6.1, signatures only). */
function isTrusted(chain: readonly X509Certificate[], bundle: readonly X509Certificate[], now: number): boolean {
  const anchors = bundle.filter((authority) => authority.ca && isCurrent(authority, now));
  let certificate: X509Certificate | undefined = chain[0];
  for (let depth = 0; certificate !== undefined && depth < MAX_CHAIN; depth += 1) {
    const subject: X509Certificate = certificate;
    if (anchors.some((authority) => isIssuedBy(subject, authority))) return true;
    certificate = chain.find((other) => other !== subject && other.ca && isIssuedBy(subject, other));
  }
  return false;
}

/**
 * Checks that certificate, key and authorities can serve together as this process's identity.
 *
 * @param now milliseconds since the epoch
 * @throws TlsMaterialError naming the first fault
 */
export function tlsIdentity(pem: TlsPem, rules: TlsIdentityRules, now = Date.now()): TlsIdentity {
  const chain = certificates(pem.cert, 'the certificate chain');
  const bundle = certificates(pem.ca, 'the CA bundle');
  const key = privateKey(pem.key);
  const [own] = chain;
  if (own === undefined) throw new TlsMaterialError('the certificate chain is empty');
  if (own.publicKey.asymmetricKeyType !== 'ec') throw new TlsMaterialError('the certificate is not an ECDSA one');
  if (!own.checkPrivateKey(key)) throw new TlsMaterialError('the private key does not belong to the certificate');
  if (own.validToDate.getTime() <= now) {
    throw new TlsMaterialError(`the certificate ended at ${own.validToDate.toISOString()}`);
  }
  if (own.validFromDate.getTime() > now) {
    throw new TlsMaterialError(`the certificate is not valid before ${own.validFromDate.toISOString()}`);
  }
  // Absent means any use (RFC 5280 section 4.2.1.12).
  const usages: readonly string[] | undefined = own.keyUsage;
  if (usages !== undefined && !(usages.includes(SERVER_AUTH) && usages.includes(CLIENT_AUTH))) {
    throw new TlsMaterialError('the certificate is not meant for both servers and clients (extended key usage)');
  }
  const identity = spiffeIdentity(own, rules.trustDomain);
  if (identity === undefined) {
    throw new TlsMaterialError(
      `the certificate does not carry one URI name for each of its services, spiffe://${rules.trustDomain}/ns/<namespace>/sa/<service>`,
    );
  }
  const missing = rules.services?.filter((service) => !identity.services.has(service)) ?? [];
  if (missing.length > 0) {
    const held = [...identity.services].join(' and ');
    throw new TlsMaterialError(`the certificate is of ${held}, not of ${missing.join(' and ')}`);
  }
  if (!isTrusted(chain, bundle, now)) {
    throw new TlsMaterialError('no authority of the CA bundle signed the certificate');
  }
  return {
    ...pem,
    ...identity,
    serialNumber: own.serialNumber,
    notAfter: own.validToDate.getTime(),
  };
}
