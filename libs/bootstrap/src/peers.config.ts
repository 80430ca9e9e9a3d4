import { type Config, type ConfigOf, defineConfig, env } from '@nexus/config';
import type { ServiceName } from '@nexus/contracts';
import { serviceUrlFaults } from '@nexus/resilience';
import { z } from 'zod';

/** A service that has a listener for the platform's own. */
export type InternalService = Exclude<ServiceName, 'gateway'>;

const PORTS = { auth: 8081, user: 8082, project: 8083, file: 8084, notification: 8085 } as const;

function urlOf(service: InternalService) {
  return {
    schema: z
      .string()
      .default(`https://localhost:${PORTS[service]}`)
      .superRefine((text, ctx) => {
        const entries = text.split(',').map((entry) => entry.trim());
        for (const fault of serviceUrlFaults(entries)) ctx.addIssue({ code: 'custom', message: fault });
      }),
    description: `Where the ${service} service is when it runs elsewhere: origins separated by commas; each name may have several addresses.`,
  };
}

function portOf(service: InternalService) {
  return {
    schema: env.int(PORTS[service], { min: 0, max: 65_535 }),
    description: `Port on which the ${service} service takes the platform's own requests.`,
  };
}

/** How the processes of a split platform find and trust each other. */
export const peersConfig = defineConfig('peers', {
  NEXUS_AUTH_URL: urlOf('auth'),
  NEXUS_USER_URL: urlOf('user'),
  NEXUS_PROJECT_URL: urlOf('project'),
  NEXUS_FILE_URL: urlOf('file'),
  NEXUS_NOTIFICATION_URL: urlOf('notification'),
  NEXUS_AUTH_PORT: portOf('auth'),
  NEXUS_USER_PORT: portOf('user'),
  NEXUS_PROJECT_PORT: portOf('project'),
  NEXUS_FILE_PORT: portOf('file'),
  NEXUS_NOTIFICATION_PORT: portOf('notification'),
  INTERNAL_TLS: {
    schema: z.enum(['required', 'off']).default('required'),
    description:
      "`off`: this process takes the platform's own requests without TLS, on a loopback address only; calls between services are then refused.",
  },
});
export type PeersConfig = ConfigOf<typeof peersConfig>;

const LOOPBACK = /^(127(\.\d{1,3}){3}|::1|localhost)$/;

/** Whether an address is reached from this machine alone. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}

/** The origins of a service. */
export function urlsOf(config: Config, service: InternalService): string {
  return config.get(peersConfig)[`NEXUS_${service.toUpperCase() as Uppercase<InternalService>}_URL`];
}

/** The port of a service's own listener. */
export function internalPort(config: Config, service: InternalService): number {
  return config.get(peersConfig)[`NEXUS_${service.toUpperCase() as Uppercase<InternalService>}_PORT`];
}
