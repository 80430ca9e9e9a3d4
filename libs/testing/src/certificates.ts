import 'reflect-metadata';
import { KeyObject, type webcrypto } from 'node:crypto';
import type { JsonGeneralNames, X509Certificate } from '@peculiar/x509';

/** Certificate chain, private key and authorities in PEM form. */
export interface CertificateSet {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

export interface LeafOptions {
  readonly trustDomain?: string;
  readonly namespace?: string;
  /** Milliseconds since the epoch. */
  readonly notBefore?: number;
  readonly notAfter?: number;
  /** In place of the SPIFFE name, localhost and the loopback addresses. */
  readonly names?: JsonGeneralNames;
  readonly usages?: readonly ('serverAuth' | 'clientAuth')[];
  readonly rsa?: boolean;
}

const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const RSA = {
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  publicExponent: new Uint8Array([1, 0, 1]),
  modulusLength: 2048,
};
const HOUR_MS = 3_600_000;

/** Loaded by who makes certificates: most specs import this lib and make none. */
const loadX509 = () => import('@peculiar/x509');

/** A certificate authority in memory, for specs that need real TLS. */
export class TestAuthority {
  private constructor(
    private readonly certificate: X509Certificate,
    private readonly keys: webcrypto.CryptoKeyPair,
  ) {}

  /** @param notAfter milliseconds since the epoch */
  static async create(name = 'Test CA', notAfter = Date.now() + HOUR_MS): Promise<TestAuthority> {
    const x509 = await loadX509();
    const keys = await crypto.subtle.generateKey(ECDSA, true, ['sign', 'verify']);
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      name: `CN=${name}`,
      keys,
      signingAlgorithm: ECDSA,
      notBefore: new Date(Math.min(Date.now(), notAfter) - HOUR_MS),
      notAfter: new Date(notAfter),
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    return new TestAuthority(certificate, keys);
  }

  /** PEM of its certificate. */
  get pem(): string {
    return `${this.certificate.toString('pem')}\n`;
  }

  /** A certificate of `spiffe://nexus.local/ns/test/sa/<service>`, or of `auth+user`, unless the options say otherwise. */
  async issue(service: string, options: LeafOptions = {}): Promise<CertificateSet> {
    const { trustDomain = 'nexus.local', namespace = 'test', usages = ['serverAuth', 'clientAuth'] } = options;
    const x509 = await loadX509();
    const algorithm = options.rsa ? RSA : ECDSA;
    const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const names = options.names ?? [
      ...service
        .split('+')
        .map((name) => ({ type: 'url' as const, value: `spiffe://${trustDomain}/ns/${namespace}/sa/${name}` })),
      { type: 'dns', value: 'localhost' },
      { type: 'ip', value: '127.0.0.1' },
    ];
    const certificate = await x509.X509CertificateGenerator.create({
      subject: `CN=${service}`,
      issuer: this.certificate.subject,
      publicKey: keys.publicKey,
      signingKey: this.keys.privateKey,
      signingAlgorithm: ECDSA,
      notBefore: new Date(options.notBefore ?? Date.now() - HOUR_MS / 2),
      notAfter: new Date(options.notAfter ?? Date.now() + HOUR_MS / 2),
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension(usages.map((usage) => x509.ExtendedKeyUsage[usage])),
        ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
        await x509.AuthorityKeyIdentifierExtension.create(this.keys.publicKey),
      ],
    });
    const key = KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' });
    return { cert: `${certificate.toString('pem')}\n`, key: String(key), ca: this.pem };
  }
}
