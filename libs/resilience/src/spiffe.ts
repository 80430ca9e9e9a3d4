import type { X509Certificate } from 'node:crypto';
import { SERVICE_NAMES, type ServiceName } from '@nexus/contracts';

/**
 * Who a certificate says it is: `spiffe://<trust domain>/ns/<namespace>/sa/<service>`, once for each service that the
 * process holds.
 */
export interface SpiffeIdentity {
  readonly uris: readonly string[];
  readonly services: ReadonlySet<ServiceName>;
}

/** Form of a trust domain (SPIFFE-ID section 2.1): lower-case letters, digits, `.`, `-`, `_`. */
export const TRUST_DOMAIN_FORM = /^[a-z0-9](?:[a-z0-9._-]{0,253}[a-z0-9])?$/;

// One entry of the text that Node makes of a subjectAltName. A value that holds anything which could be taken for a
// separator is a JSON string there, so an entry never contains a bare comma or quotation mark.
const ENTRY =
  /(DNS|URI|IP Address|email|Registered ID|DirName|othername|X400Name|EdiPartyName):("(?:[^"\\]|\\.)*"|[^",]*)(?:, |$)/y;
const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const PATH = new RegExp(`^/ns/(${LABEL})/sa/(${LABEL})$`);

/** Values of the URI entries, `undefined` when the text is not understood to its end. */
function uriEntries(subjectAltName: string): string[] | undefined {
  const uris: string[] = [];
  ENTRY.lastIndex = 0;
  while (ENTRY.lastIndex < subjectAltName.length) {
    const match = ENTRY.exec(subjectAltName);
    if (match === null) return undefined;
    if (match[1] === 'URI') uris.push(match[2] ?? '');
  }
  return uris;
}

/**
 * The identity in the URI names of a certificate. A process of one service has exactly one (X.509-SVID section 2); one
 * that holds several services is each of them. Says nothing about who signed it; the chain is the handshake's business.
 *
 * @returns undefined when there is no URI name, or one that is not of a service in this trust domain
 */
export function spiffeIdentity(
  certificate: Pick<X509Certificate, 'subjectAltName'>,
  trustDomain: string,
): SpiffeIdentity | undefined {
  const uris = uriEntries(certificate.subjectAltName ?? '');
  if (uris === undefined || uris.length === 0) return undefined;
  const services = new Set<ServiceName>();
  for (const uri of uris) {
    const service = serviceOf(uri, `spiffe://${trustDomain}`);
    if (service === undefined) return undefined;
    services.add(service);
  }
  return { uris, services };
}

function serviceOf(uri: string, prefix: string): ServiceName | undefined {
  if (!uri.startsWith(`${prefix}/`)) return undefined;
  const [, , name] = PATH.exec(uri.slice(prefix.length)) ?? [];
  return SERVICE_NAMES.find((known) => known === name);
}
