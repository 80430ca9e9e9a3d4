import { defineService } from '@nexus/bootstrap';

/** The edge: the policy chain comes with the role, these are the gateway's own pages. */
export const gatewayService = defineService({
  name: 'gateway',
  port: 8080,
  module: async () => (await import('./gateway.module.js')).GatewayModule,
  forwarder: async () => (await import('./proxy/forwarder.js')).createForwarder,
});
