import { POD } from '../pods/pod-limits.ts';
import { PER_POD, type ServiceName } from './per-pod.ts';

/** What people do with the platform at its busiest. */
export interface Demand {
  /** People who are active at the same time. */
  readonly users: number;
  /** Requests of one of them per minute. */
  readonly requestsPerMinute: number;
  /** Sign-ins of one of them per hour. */
  readonly signInsPerHour: number;
  /** What one of them keeps as files, in MB. */
  readonly megabytesPerUser: number;
}

/** What people who work with a web application do, where nothing else is known. */
export const TYPICAL: Omit<Demand, 'users'> = { requestsPerMinute: 6, signInsPerHour: 1, megabytesPerUser: 50 };

/**
 * How requests spread over the services, each of which also passes a gateway. Sign-ins are counted by themselves: a password
 * hash costs as much as hundreds of other requests.
 */
export const SHARES: Readonly<Record<Exclude<ServiceName, 'gateway' | 'auth'>, number>> = {
  user: 0.15,
  project: 0.5,
  file: 0.15,
  notification: 0.2,
};

/** Pods are planned to be this busy at the peak: above 70 % of their processor the autoscaler adds some. */
export const PLANNED_LOAD = 0.6;
/** Of each service, for every upgrade and the loss of a node. */
export const LEAST_PODS = 3;
/** Connections of a pod of a service with data, in production (20 + 10). */
export const POOL = 30;
/** Pods above the planned number while a new version is rolled out. */
export const SURGE = 1;
/** Connections that are left to people, backups and migrations. */
export const RESERVED_CONNECTIONS = 20;
/** What Redis keeps of a user: counters of limits, and answers of the second cache tier, in kB. */
export const REDIS_KB_PER_USER = 24;
export const REDIS_LEAST_MB = 256;
/** Rows of a user in all schemas, with their indexes, in kB. */
export const DATABASE_KB_PER_USER = 40;

/** What a demand needs. */
export interface Plan {
  readonly requestsPerSecond: number;
  readonly pods: Readonly<Record<ServiceName, number>>;
  readonly totalPods: number;
  readonly cpus: number;
  readonly memoryGb: number;
  /** `max_connections` of PostgreSQL, unless a pooler stands before it. */
  readonly connections: number;
  readonly redisMb: number;
  readonly databaseGb: number;
  readonly filesTb: number;
}

const podsFor = (perSecond: number, perPod: number): number =>
  Math.max(LEAST_PODS, Math.ceil(perSecond / (perPod * PLANNED_LOAD)));

const rounded = (value: number, digits: number): number => Number(value.toFixed(digits));

/** What is needed for a demand, from what one pod was measured to do ({@link PER_POD}). */
export function planFor({ users, requestsPerMinute, signInsPerHour, megabytesPerUser }: Demand): Plan {
  const requestsPerSecond = (users * requestsPerMinute) / 60;
  const signInsPerSecond = (users * signInsPerHour) / 3_600;
  const pods: Record<ServiceName, number> = {
    gateway: podsFor(requestsPerSecond + signInsPerSecond, PER_POD.gateway),
    auth: podsFor(signInsPerSecond, PER_POD.auth),
    user: podsFor(requestsPerSecond * SHARES.user, PER_POD.user),
    project: podsFor(requestsPerSecond * SHARES.project, PER_POD.project),
    file: podsFor(requestsPerSecond * SHARES.file, PER_POD.file),
    notification: podsFor(requestsPerSecond * SHARES.notification, PER_POD.notification),
  };
  const totalPods = Object.values(pods).reduce((sum, count) => sum + count, 0);
  const services = Object.entries(pods).filter(([name]) => name !== 'gateway');
  const connections = services.reduce((sum, [, count]) => sum + (count + SURGE) * POOL, RESERVED_CONNECTIONS);
  return {
    requestsPerSecond: Math.round(requestsPerSecond),
    pods,
    totalPods,
    cpus: totalPods * POD.cpus,
    memoryGb: rounded((totalPods * POD.memoryBytes) / 1024 ** 3, 1),
    connections,
    redisMb: Math.max(REDIS_LEAST_MB, Math.ceil((users * REDIS_KB_PER_USER) / 1024)),
    databaseGb: rounded((users * DATABASE_KB_PER_USER) / 1024 ** 2, 1),
    filesTb: rounded((users * megabytesPerUser) / 1024 ** 2, 2),
  };
}
