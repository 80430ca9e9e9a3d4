import { isIP } from 'node:net';

/** One origin of a service. */
export interface ServiceOrigin {
  /** Whether it is spoken to over mutual TLS. */
  readonly secure: boolean;
  /** DNS name or IP address, without brackets. */
  readonly host: string;
  readonly port: number;
}

const fault = (text: string) => `${text} is not an origin such as https://user.internal:8082`;

function parse(text: string): ServiceOrigin | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  const secure = url.protocol === 'https:';
  const isBare = url.pathname === '/' && url.search === '' && url.hash === '' && url.username === '' && !url.password;
  if (!isBare || (!secure && url.protocol !== 'http:') || url.hostname === '') return undefined;
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = Number(url.port || (secure ? 443 : 80));
  return port === 0 ? undefined : { secure, host, port };
}

/** @returns one sentence per entry that is not an origin; for the schema of a configuration field */
export function serviceUrlFaults(entries: readonly string[]): string[] {
  // An entry may hold a password by mistake.
  return entries
    .filter((entry) => parse(entry) === undefined)
    .map((entry) => fault(entry.replace(/\/\/[^/]*@/, '//…@')));
}

/**
 * Reads the value of `NEXUS_<SERVICE>_URL`: `https://` or `http://` origins, separated by commas.
 *
 * @throws Error naming what is not an origin, or that there is none
 */
export function serviceOrigins(value: string | readonly string[]): ServiceOrigin[] {
  const entries = (typeof value === 'string' ? value.split(',') : value)
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
  const faults = serviceUrlFaults(entries);
  if (faults.length > 0) throw new Error(faults.join('; '));
  if (entries.length === 0) throw new Error('A service needs at least one origin');
  return entries.flatMap((entry) => parse(entry) ?? []);
}

/** `10.0.0.1:8082`, `[::1]:8082` or `name:8082`. */
export function authority(host: string, port: number): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}
