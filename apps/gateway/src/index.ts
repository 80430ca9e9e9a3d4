import { defineService } from '@nexus/bootstrap';
import { ApiKeys } from '@nexus/contracts';
import { gatewayConfig } from './gateway.config.js';
import { routesRule } from './routes/routes-rule.js';

/** The edge: the policy chain comes with the role, these are the gateway's own pages. */
export const gatewayService = defineService({
  name: 'gateway',
  port: 8080,
  module: async () => (await import('./gateway.module.js')).GatewayModule,
  needs: [ApiKeys],
  config: [gatewayConfig],
  egress: [{ to: 'redis' }],
  configRules: [routesRule],
  forwarder: async () => (await import('./proxy/forwarder.js')).createForwarder,
  edgeRoutes: async () => (await import('./routes/gateway-routes.js')).openGatewayRoutes,
});
