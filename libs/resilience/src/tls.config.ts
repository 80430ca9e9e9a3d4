import { type Config, type ConfigOf, defineConfig, env } from '@nexus/config';
import { z } from 'zod';
import { TRUST_DOMAIN_FORM } from './spiffe.js';

const pem = (what: string) =>
  z
    .string()
    .trim()
    .regex(/-----BEGIN /, `must be ${what} in PEM form`)
    .optional();

/** How this process proves to the other services who it is, and whom it believes. */
export const tlsConfig = defineConfig('tls', {
  TLS_CERT: {
    schema: pem('a certificate chain'),
    description:
      "This process's certificate and its intermediates, PEM; usually a file, which is read again on change.",
  },
  TLS_KEY: { schema: pem('a private key'), description: 'Private key of `TLS_CERT`, PEM.', secret: true },
  TLS_CA: {
    schema: pem('a bundle of certificates'),
    description: 'The authorities whose certificates are believed, PEM; both of them while one replaces the other.',
  },
  TRUST_DOMAIN: {
    schema: env
      .string()
      .regex(TRUST_DOMAIN_FORM, 'must be a name of lower-case letters, digits, dots and hyphens')
      .default('nexus.local'),
    description: 'Trust domain in `spiffe://<trust domain>/ns/<namespace>/sa/<service>`.',
  },
});
export type TlsConfig = ConfigOf<typeof tlsConfig>;

/** Rule for `loadConfig`: an identity is given whole or not at all. */
export function tlsConfigRule(config: Config): string | undefined {
  const values = config.get(tlsConfig);
  const names = ['TLS_CERT', 'TLS_KEY', 'TLS_CA'] as const;
  const missing = names.filter((name) => values[name] === undefined);
  return missing.length === 0 || missing.length === names.length
    ? undefined
    : `TLS_CERT, TLS_KEY and TLS_CA go together: ${missing.join(' and ')} ${missing.length > 1 ? 'are' : 'is'} missing`;
}
