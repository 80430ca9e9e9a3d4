import type { Config } from '@nexus/config';
import { ROUTE_MANIFEST } from '@nexus/contracts';
import { gatewayConfig } from '../gateway.config.js';
import { RoutesFileError, readRoutes } from './read-routes.js';

/** How the value is given, as an operator knows it. */
function settingOf(config: Config): string {
  return config.fileOf('GATEWAY_ROUTES') === undefined ? 'GATEWAY_ROUTES' : 'GATEWAY_ROUTES_FILE';
}

/** Rule of the configuration: a file of routes that is wrong keeps the process from starting. */
export function routesRule(config: Config): string | undefined {
  const { GATEWAY_ROUTES } = config.get(gatewayConfig);
  if (GATEWAY_ROUTES === undefined) return undefined;
  try {
    readRoutes(GATEWAY_ROUTES, ROUTE_MANIFEST);
    return undefined;
  } catch (error) {
    if (!(error instanceof RoutesFileError)) throw error;
    return `${settingOf(config)}: ${error.message}`;
  }
}
