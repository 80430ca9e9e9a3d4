import { lookup as lookUpName } from 'node:dns/promises';
import { isIP } from 'node:net';
import { authority, type ServiceOrigin } from './service-urls.js';

/** All addresses of a host name. */
export type Lookup = (host: string) => Promise<readonly string[]>;

/** An origin at one of its addresses. */
export interface ServiceEndpoint extends ServiceOrigin {
  readonly address: string;
}

/** What the names of a service mean now. */
export interface ResolvedNames {
  /** By {@link endpointKey}. */
  readonly endpoints: ReadonlyMap<string, ServiceEndpoint>;
  /** Hosts that could not be looked up; what was known of them still holds. */
  readonly unresolved: ReadonlySet<string>;
}

const LOOKUP_TIMEOUT_MS = 5_000;

export const systemLookup: Lookup = async (host) => {
  const found = await lookUpName(host, { all: true, order: 'verbatim' });
  return found.map(({ address }) => address);
};

/** Differs for all that is connected to differently. */
export const endpointKey = ({ secure, host, port, address }: ServiceEndpoint): string =>
  `${secure ? 'https' : 'http'}://${authority(host, port)} at ${address}`;

/** The endpoints that need no look-up. */
export function literalEndpoints(origins: readonly ServiceOrigin[]): ServiceEndpoint[] {
  return origins.filter(({ host }) => isIP(host) !== 0).map((origin) => ({ ...origin, address: origin.host }));
}

function inTime<T>(work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no answer in time')), LOOKUP_TIMEOUT_MS).unref();
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** Looks up every host name once. Never rejects. */
export async function resolveNames(origins: readonly ServiceOrigin[], lookup: Lookup): Promise<ResolvedNames> {
  const endpoints = new Map<string, ServiceEndpoint>();
  const unresolved = new Set<string>();
  const add = (endpoint: ServiceEndpoint) => endpoints.set(endpointKey(endpoint), endpoint);
  for (const endpoint of literalEndpoints(origins)) add(endpoint);
  const hosts = new Set(origins.map(({ host }) => host).filter((host) => isIP(host) === 0));
  await Promise.all(
    [...hosts].map(async (host) => {
      const found = await inTime(Promise.resolve().then(() => lookup(host))).catch(() => []);
      const addresses = found.filter((address) => isIP(address) !== 0);
      if (addresses.length === 0) unresolved.add(host);
      for (const origin of origins.filter((other) => other.host === host)) {
        for (const address of addresses) add({ ...origin, address });
      }
    }),
  );
  return { endpoints, unresolved };
}
