export const SERVICE_NAMES = ['gateway', 'auth', 'user', 'project', 'file', 'notification'] as const;
export type ServiceName = (typeof SERVICE_NAMES)[number];

/**
 * Requests per second of one pod (half a processor, 512 MiB) at its best, as test/verify/pod-capacity.spec.ts prints them:
 * of the gateway what it passes on, of auth sign-ins, of all others reads and writes past the cache.
 */
export const PER_POD: Readonly<Record<ServiceName, number>> = {
  gateway: 1_100,
  auth: 20,
  user: 1_600,
  project: 600,
  file: 350,
  notification: 1_100,
};
