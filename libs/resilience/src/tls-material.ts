import { readFileSync } from 'node:fs';
import type { Config } from '@nexus/config';
import { watchFiles } from './file-watch.js';
import { tlsConfig } from './tls.config.js';
import { type TlsIdentity, type TlsIdentityRules, TlsMaterialError, type TlsPem, tlsIdentity } from './tls-identity.js';

export interface TlsMaterialOptions extends TlsIdentityRules {
  /** Told once about each new set that is not usable, and about subscribers that fail; the set in use stays. */
  readonly onRefused?: (error: Error) => void;
  /** How long changes are gathered, in ms; 200 by default. */
  readonly settleMs?: number;
  /** How often files are read although no change was noticed, in ms; 30 s by default. */
  readonly pollMs?: number;
}

/** Where the three parts are: a path that is read again, or the PEM text itself. */
export type TlsSources = { readonly [K in keyof TlsPem]: { readonly file: string } | { readonly pem: string } };

const PARTS = ['cert', 'key', 'ca'] as const;
const WORDS = { cert: 'certificate chain', key: 'private key', ca: 'CA bundle' } as const;

function read(sources: TlsSources): TlsPem {
  const part = (name: keyof TlsPem) => {
    const source = sources[name];
    if ('pem' in source) return source.pem;
    try {
      return readFileSync(source.file, 'utf8');
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
      throw new TlsMaterialError(`the file of the ${WORDS[name]} cannot be read (${code})`);
    }
  };
  return { cert: part('cert'), key: part('key'), ca: part('ca') };
}

const isSame = (a: TlsPem, b: TlsPem) => PARTS.every((part) => a[part] === b[part]);

/**
 * The TLS identity of this process as it is now. It changes when its files do, and only to a set that is usable:
 * the key fits, the certificate is current, names a service of the trust domain and is signed by the bundle.
 */
export class TlsMaterial {
  #identity: TlsIdentity;
  #refused: string | undefined;
  readonly #subscribers = new Set<(identity: TlsIdentity) => void>();
  #stopWatching: () => void = () => undefined;

  private constructor(
    private readonly sources: TlsSources,
    private readonly options: TlsMaterialOptions,
  ) {
    this.#identity = tlsIdentity(read(sources), options);
  }

  /** @throws TlsMaterialError when the set is not usable */
  static fromPem(pem: TlsPem, options: TlsMaterialOptions): TlsMaterial {
    const { cert, key, ca } = pem;
    return TlsMaterial.from({ cert: { pem: cert }, key: { pem: key }, ca: { pem: ca } }, options);
  }

  /** Parts that are files are watched from now on. @throws TlsMaterialError when the set is not usable */
  static from(sources: TlsSources, options: TlsMaterialOptions): TlsMaterial {
    const material = new TlsMaterial(sources, options);
    const files = PARTS.flatMap((part) => {
      const source = sources[part];
      return 'file' in source ? [source.file] : [];
    });
    if (files.length > 0) {
      const { settleMs = 200, pollMs = 30_000 } = options;
      material.#stopWatching = watchFiles(files, () => material.reload(), { settleMs, pollMs });
    }
    return material;
  }

  /**
   * @returns undefined when the configuration names no identity
   * @throws TlsMaterialError when the set is not usable
   */
  static fromConfig(config: Config, options: Omit<TlsMaterialOptions, 'trustDomain'> = {}): TlsMaterial | undefined {
    const { TLS_CERT, TLS_KEY, TLS_CA, TRUST_DOMAIN } = config.get(tlsConfig);
    if (TLS_CERT === undefined || TLS_KEY === undefined || TLS_CA === undefined) return undefined;
    const source = (name: keyof typeof tlsConfig.fields, pem: string) => {
      const file = config.fileOf(name);
      return file === undefined ? { pem } : { file };
    };
    const sources = {
      cert: source('TLS_CERT', TLS_CERT),
      key: source('TLS_KEY', TLS_KEY),
      ca: source('TLS_CA', TLS_CA),
    };
    return TlsMaterial.from(sources, { ...options, trustDomain: TRUST_DOMAIN });
  }

  get identity(): TlsIdentity {
    return this.#identity;
  }

  get trustDomain(): string {
    return this.options.trustDomain;
  }

  /** When the certificate in use ends, milliseconds since the epoch (metric `cert_not_after_seconds`, in seconds). */
  get expiresAt(): number {
    return this.#identity.notAfter;
  }

  /** Calls the listener with every later identity. @returns ends it */
  subscribe(listener: (identity: TlsIdentity) => void): () => void {
    // A function that is subscribed twice is two subscribers.
    const subscriber = (identity: TlsIdentity) => listener(identity);
    this.#subscribers.add(subscriber);
    return () => void this.#subscribers.delete(subscriber);
  }

  /** Takes another set. @throws TlsMaterialError when it is not usable; the one in use stays */
  replace(pem: TlsPem): void {
    const next = tlsIdentity(pem, this.options);
    this.#refused = undefined;
    if (isSame(next, this.#identity)) return;
    this.#identity = next;
    for (const subscriber of this.#subscribers) {
      try {
        subscriber(next);
      } catch (error) {
        this.options.onRefused?.(error instanceof Error ? error : new Error(String(error)));
      }
    }
  }

  /** Reads the files now. @returns whether the set on them is in use; if not, `onRefused` was told why */
  reload(): boolean {
    try {
      this.replace(read(this.sources));
      return true;
    } catch (error) {
      const fault = error instanceof Error ? error : new Error(String(error));
      if (this.#refused !== fault.message) this.options.onRefused?.(fault);
      this.#refused = fault.message;
      return false;
    }
  }

  /** Ends the watch and forgets the subscribers. The identity stays readable. */
  close(): void {
    this.#stopWatching();
    this.#subscribers.clear();
  }
}
