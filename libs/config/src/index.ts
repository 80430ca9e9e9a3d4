export { type ConfigField, type ConfigOf, type ConfigSlice, defineConfig } from './define-config.js';
export { FLAGS_HELP, type Flags, FlagsError, pickTargets, readFlags } from './flags.js';
export { type Config, ConfigError, type Environment, env, loadConfig } from './load-config.js';
export { packageRoot, packageVersion } from './package-root.js';
export { type PlatformConfig, platformConfig, publicUrl } from './platform.config.js';
