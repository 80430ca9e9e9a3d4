/** A certificate authority in a folder, for services that all run on one machine. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KeyedCertificate } from './issue.ts';
import { privateFolder, readPrivate, writePrivate } from './private-files.ts';

export interface LocalCaOptions {
  /** `nexus.local` by default. */
  readonly trustDomain?: string;
  /** Namespace in the SPIFFE names; `local` by default. */
  readonly namespace?: string;
  /** How long a service's certificate is valid; 30 days by default. It is renewed with less than a third left. */
  readonly leafDays?: number;
  /** How long a root is valid; 3650 days by default. */
  readonly rootDays?: number;
  /** The present, milliseconds since the epoch. */
  readonly now?: number;
}

/** Where the identity of one process is, and what it says. */
export interface LocalIdentity {
  /** A service, or several that one process holds: `auth+user`. */
  readonly service: string;
  readonly uris: readonly string[];
  /** Paths of the PEM files. */
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  readonly serialNumber: string;
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
  /** The variables by which a process takes this identity. */
  readonly env: Readonly<Record<'TLS_CERT_FILE' | 'TLS_KEY_FILE' | 'TLS_CA_FILE' | 'TRUST_DOMAIN', string>>;
}

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const TRUST_DOMAIN = /^[a-z0-9](?:[a-z0-9._-]{0,253}[a-z0-9])?$/;
const RENEWED_WITH = 1 / 3;

/** Folder of the root beside those of the services. */
const AUTHORITY = 'authority';

const bundlePath = (folder: string) => join(folder, 'ca.pem');
/** Certificate and key of the root in one file, so that they change together. */
const rootPath = (folder: string) => join(folder, AUTHORITY, 'root.pem');
const leafPaths = (folder: string, service: string) => ({
  cert: join(folder, service, 'cert.pem'),
  key: join(folder, service, 'key.pem'),
});

// Loading the library takes longer than all the rest, and most starts have nothing to issue.
const issuing = () => import('./issue.ts');

function parse(pem: KeyedCertificate): X509Certificate | undefined {
  try {
    const certificate = new X509Certificate(pem.cert);
    return certificate.checkPrivateKey(createPrivateKey(pem.key)) ? certificate : undefined;
  } catch {
    return undefined;
  }
}

const hasTimeLeft = (certificate: X509Certificate, now: number): boolean => {
  const end = certificate.validToDate.getTime();
  const start = certificate.validFromDate.getTime();
  return start <= now && end - now >= (end - start) * RENEWED_WITH;
};

function readRoot(folder: string, now: number): KeyedCertificate | undefined {
  const text = readPrivate(rootPath(folder)) ?? '';
  const [cert] = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----\n/.exec(text) ?? [];
  const [key] = /-----BEGIN PRIVATE KEY-----[^-]*-----END PRIVATE KEY-----\n/.exec(text) ?? [];
  if (cert === undefined || key === undefined) return undefined;
  const root = { cert, key };
  const certificate = parse(root);
  return certificate?.ca === true && hasTimeLeft(certificate, now) ? root : undefined;
}

async function makeRoot(options: LocalCaOptions): Promise<KeyedCertificate> {
  const { issueRoot } = await issuing();
  return issueRoot(options.rootDays ?? 3_650, options.now ?? Date.now());
}

const writeRoot = (folder: string, root: KeyedCertificate) => writePrivate(rootPath(folder), root.cert + root.key);

/** One name for each service: a process may hold several, `auth+user`. */
function spiffeNames(service: string, { trustDomain = 'nexus.local', namespace = 'local' }: LocalCaOptions): string[] {
  if (!TRUST_DOMAIN.test(trustDomain)) throw new Error(`${trustDomain} is not a trust domain`);
  const names = service.split('+');
  for (const label of [...names, namespace]) {
    if (!LABEL.test(label) || label === AUTHORITY)
      throw new Error(`${label} is not a name of lower-case letters, digits and hyphens`);
  }
  return names.map((name) => `spiffe://${trustDomain}/ns/${namespace}/sa/${name}`);
}

/** The names of a certificate as Node prints them. */
const namesOf = (uris: readonly string[]) =>
  `${uris.map((uri) => `URI:${uri}`).join(', ')}, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1`;

/** The certificate on file, when it can serve on. */
function readLeaf(folder: string, service: string, root: KeyedCertificate, options: LocalCaOptions) {
  const paths = leafPaths(folder, service);
  const [cert, key] = [readPrivate(paths.cert), readPrivate(paths.key)];
  if (cert === undefined || key === undefined) return undefined;
  const certificate = parse({ cert, key });
  if (certificate === undefined || !certificate.verify(new X509Certificate(root.cert).publicKey)) return undefined;
  const isCurrent = hasTimeLeft(certificate, options.now ?? Date.now());
  return isCurrent && certificate.subjectAltName === namesOf(spiffeNames(service, options)) ? certificate : undefined;
}

async function writeLeaf(folder: string, service: string, root: KeyedCertificate, options: LocalCaOptions) {
  const { issueLeaf } = await issuing();
  const { leafDays = 30, now = Date.now() } = options;
  const leaf = await issueLeaf(root, service, spiffeNames(service, options), leafDays, now);
  const paths = leafPaths(folder, service);
  // A reader that sees one without the other keeps what it has, and looks again.
  writePrivate(paths.key, leaf.key);
  writePrivate(paths.cert, leaf.cert);
  return new X509Certificate(leaf.cert);
}

function identity(folder: string, service: string, leaf: X509Certificate, options: LocalCaOptions): LocalIdentity {
  const { cert, key } = leafPaths(folder, service);
  const ca = bundlePath(folder);
  const env = {
    TLS_CERT_FILE: cert,
    TLS_KEY_FILE: key,
    TLS_CA_FILE: ca,
    TRUST_DOMAIN: options.trustDomain ?? 'nexus.local',
  };
  const uris = spiffeNames(service, options);
  return { service, uris, cert, key, ca, serialNumber: leaf.serialNumber, notAfter: leaf.validToDate.getTime(), env };
}

/**
 * Sees to it that the folder holds a root and a current certificate for each service, and makes what is missing,
 * damaged, of another name or near its end. What is good stays as it is. An interrupted change is undone or finished.
 *
 * @param folder made if need be, for its owner alone
 * @throws StartError when the folder cannot be used; Error when a name is not one
 */
export async function ensureLocalCa(
  folder: string,
  services: readonly string[],
  options: LocalCaOptions = {},
): Promise<LocalIdentity[]> {
  for (const service of services) spiffeNames(service, options);
  privateFolder(folder);
  let root = readRoot(folder, options.now ?? Date.now());
  if (root === undefined) {
    root = await makeRoot(options);
    writeRoot(folder, root);
  }
  const found: LocalIdentity[] = [];
  for (const service of services) {
    const leaf = readLeaf(folder, service, root, options) ?? (await writeLeaf(folder, service, root, options));
    found.push(identity(folder, service, leaf, options));
  }
  if (readPrivate(bundlePath(folder)) !== root.cert) writePrivate(bundlePath(folder), root.cert);
  return found;
}

/** Gives one service a new certificate of the present root; processes that watch the files take it up by themselves. */
export async function rotateLeaf(
  folder: string,
  service: string,
  options: LocalCaOptions = {},
): Promise<LocalIdentity> {
  const [current] = await ensureLocalCa(folder, [service], options);
  const root = readRoot(folder, options.now ?? Date.now());
  if (current === undefined || root === undefined) throw new Error('the root is gone');
  return identity(folder, service, await writeLeaf(folder, service, root, options), options);
}

/** Every service that the folder holds a certificate of. */
function knownServices(folder: string): string[] {
  return readdirSync(folder).filter((name) => name !== AUTHORITY && existsSync(leafPaths(folder, name).cert));
}

/**
 * Replaces the root while services run: first both roots are believed, then the certificates of all services
 * change, then the old root is dropped. Between the steps every process must have read its files again.
 *
 * @param settled awaited between the steps; 2 s by default, ten times what a process takes to notice
 */
export async function rotateRoot(
  folder: string,
  options: LocalCaOptions & { readonly settled?: () => Promise<unknown> } = {},
): Promise<LocalIdentity[]> {
  const { settled = () => sleep(2_000) } = options;
  privateFolder(folder);
  // One that was left out would be believed by nobody.
  const services = knownServices(folder);
  await ensureLocalCa(folder, services, options);
  const old = readRoot(folder, options.now ?? Date.now());
  if (old === undefined) throw new Error('the root is gone');
  const root = await makeRoot(options);
  writePrivate(bundlePath(folder), old.cert + root.cert);
  await settled();
  writeRoot(folder, root);
  const renewed: LocalIdentity[] = [];
  for (const service of services) {
    const leaf = await writeLeaf(folder, service, root, options);
    renewed.push(identity(folder, service, leaf, options));
  }
  await settled();
  writePrivate(bundlePath(folder), root.cert);
  return renewed;
}
