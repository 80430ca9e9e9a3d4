import { tokenConfig } from '@nexus/auth-guards';
import { cachingConfig } from '@nexus/caching';
import { type Config, type ConfigSlice, type Environment, loadConfig, platformConfig } from '@nexus/config';
import { databaseConfig } from '@nexus/database';
import { observabilityConfig } from '@nexus/observability';
import { redisConfig } from '@nexus/redis';
import { resilienceConfig, tlsConfig, tlsConfigRule } from '@nexus/resilience';
import { throttlingConfig } from '@nexus/throttling';
import { keepsData, type ServiceDefinition } from './define-service.js';
import { edgeConfig } from './edge.config.js';
import { peersConfig } from './peers.config.js';

/** The slices of the platform itself, in the order of the docs. */
export const PLATFORM_SLICES: readonly ConfigSlice[] = [
  platformConfig,
  databaseConfig,
  redisConfig,
  observabilityConfig,
  tokenConfig,
  throttlingConfig,
  cachingConfig,
  edgeConfig,
  resilienceConfig,
  peersConfig,
  tlsConfig,
];

function replicasNeedRedis(config: Config): string | undefined {
  const { GATEWAY_REPLICAS } = config.get(edgeConfig);
  const { REDIS_URL } = config.get(redisConfig);
  return GATEWAY_REPLICAS > 1 && !REDIS_URL
    ? 'GATEWAY_REPLICAS above 1 needs REDIS_URL, or limits would not be exact'
    : undefined;
}

/**
 * The configuration of a process with these services.
 * @throws ConfigError naming every fault
 */
export function loadProcessConfig(services: readonly ServiceDefinition[], environment?: Environment): Config {
  // Who keeps no data is given no password for it.
  const platform = PLATFORM_SLICES.filter((slice) => slice !== databaseConfig || services.some(keepsData));
  const slices = [...new Set([...platform, ...services.flatMap((service) => service.config)])];
  const rules = services.flatMap((service) => service.configRules ?? []);
  return loadConfig(slices, environment, [replicasNeedRedis, tlsConfigRule, ...rules]);
}
