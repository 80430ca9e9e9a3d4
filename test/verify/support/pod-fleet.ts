import { POD, PodLimits } from '../../../tools/pods/pod-limits.js';
import { Fleet, type FleetOptions } from './fleet.js';

/** The gateway last: it is started when those whom it asks are there. */
const SERVICES = ['auth', 'user', 'project', 'file', 'notification', 'gateway'] as const;

const missing = PodLimits.missing();
/** For `describeFound`. */
export const podLimits = missing === undefined ? {} : { missing, expected: true };

/** The platform in six processes, each in a control group with the limits of a pod of the charts. */
export class PodFleet {
  private constructor(
    readonly fleet: Fleet,
    readonly pods: ReadonlyMap<string, PodLimits>,
  ) {}

  /** Makes everything and starts nothing. @param env beside what lets one client ask for as much as it likes */
  static async prepare(env: NonNullable<FleetOptions['env']>): Promise<PodFleet> {
    PodLimits.removeLeftovers();
    const pods = new Map(SERVICES.map((service): [string, PodLimits] => [service, PodLimits.make(service)]));
    const fleet = await Fleet.prepare({
      processes: [...pods].map(([targets, pod]) => ({
        targets,
        around: ([node = '', ...args]) => pod.around([node, `--max-old-space-size=${POD.heapMb}`, ...args]),
      })),
      env: {
        LOG_REQUESTS: 'all',
        GATEWAY_CONNECTIONS_PER_ADDRESS: '10000',
        GATEWAY_REQUESTS_PER_CONNECTION: '0',
        ...env,
      },
    });
    return new PodFleet(fleet, pods);
  }

  pod(service: string): PodLimits {
    return this.pods.get(service) as PodLimits;
  }

  /** Holds these back, and nobody else. */
  throttleOnly(...services: readonly string[]): void {
    for (const [name, pod] of this.pods) pod.throttle(services.includes(name) ? POD.cpus : undefined);
  }

  async close(): Promise<void> {
    await this.fleet.close();
    for (const pod of this.pods.values()) pod.remove();
  }
}
