import type { RenderOptions } from '../../../tools/helm/render.js';
import type { Environment } from './charts.js';

/** A digest, which production wants: a real one is different with every version. */
export const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;

/** Who may write the files that hold secrets. */
export const SECRET_PROVIDERS = ['agent', 'vso', 'csi', 'external-secrets', 'existingSecret'] as const;

/** What a chart is rendered with for an environment: its file of values, and what no file can know. */
export function optionsFor(environment: Environment, more: RenderOptions['set'] = {}): RenderOptions {
  const digest = environment === 'production' ? { 'global.image.digest': DIGEST } : {};
  return { values: [`envs/${environment}.yaml`], set: { ...digest, ...more } };
}

/** Production with another provider of secrets, and every secret that there can be. */
export function withSecretsFrom(provider: (typeof SECRET_PROVIDERS)[number]): RenderOptions {
  return optionsFor('production', {
    'global.secrets.provider': provider,
    'auth.admin.email': 'admin@example.com',
    'gateway.routesFile.enabled': true,
  });
}
