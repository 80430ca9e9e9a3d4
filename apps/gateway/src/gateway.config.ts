import { type ConfigOf, defineConfig, env } from '@nexus/config';
import { z } from 'zod';

/** What the gateway reads. */
export const gatewayConfig = defineConfig('gateway', {
  GATEWAY_ROUTES: {
    schema: z.string().optional(),
    description:
      'Overrides of operations, and routes to servers outside the platform, as JSON; usually a file, `GATEWAY_ROUTES_FILE`, which is read again on change. See gateway.md.',
    secret: true,
  },
  GATEWAY_WEBSOCKETS_PER_CALLER: {
    schema: env.int(100, { min: 1, max: 100_000 }),
    description: 'WebSocket connections that one user may hold at a time; without credentials, one address.',
  },
  GATEWAY_WEBSOCKET_IDLE_SECONDS: {
    schema: env.int(120, { min: 1, max: 86_400 }),
    description: 'A WebSocket connection on which nothing moves for so long is ended, in seconds.',
  },
});
export type GatewayConfig = ConfigOf<typeof gatewayConfig>;
