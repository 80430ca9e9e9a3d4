/** One Redis server. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly username: string | undefined;
  /** A secret. */
  readonly password: string | undefined;
  /** Number of the database; a cluster has 0 alone. */
  readonly db: number;
}

const DEFAULT_PORT = 6379;

function credential(text: string): string | undefined {
  return text === '' ? undefined : decodeURIComponent(text);
}

/** @throws Error with a sentence that names no secret */
function parseOne(text: string): RedisAddress {
  if (!URL.canParse(text)) throw new Error('must be a URL such as redis://host:6379');
  const url = new URL(text);
  if (url.protocol !== 'redis:' && url.protocol !== 'rediss:') throw new Error('must begin with redis:// or rediss://');
  if (url.hostname === '') throw new Error('must name a host');
  const path = url.pathname.replace(/^\//, '');
  if (!/^\d{0,4}$/.test(path)) throw new Error('may end with the number of a database, and nothing else');
  if (url.search !== '' || url.hash !== '') throw new Error('takes no parameters');
  return {
    // Without the brackets of IPv6.
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? DEFAULT_PORT : Number(url.port),
    tls: url.protocol === 'rediss:',
    username: credential(url.username),
    password: credential(url.password),
    db: Number(path),
  };
}

/** Reads `REDIS_URL`: one URL, or those of several nodes of a cluster with commas between them. */
export function parseRedisUrls(text: string): { addresses: RedisAddress[]; faults: string[] } {
  const addresses: RedisAddress[] = [];
  const faults: string[] = [];
  for (const part of text.split(',')) {
    try {
      addresses.push(parseOne(part.trim()));
    } catch (error) {
      faults.push(error instanceof Error ? error.message : 'is not a URL');
    }
  }
  if (addresses.length > 1) {
    if (addresses.some(({ db }) => db !== 0)) faults.push('nodes of a cluster have no numbered databases');
    if (new Set(addresses.map(({ tls }) => tls)).size > 1) faults.push('nodes of a cluster use TLS all, or none');
  }
  return { addresses, faults };
}
