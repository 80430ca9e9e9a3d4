import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const ROOT = '/sys/fs/cgroup';
const CONTROLLERS = ['cpu', 'memory'] as const;
type Controller = (typeof CONTROLLERS)[number];
/** The period of the bandwidth control, as container runtimes set it, in µs. */
const PERIOD_MICROS = 100_000;

/** What a pod of the charts may use. */
export const POD = { memoryBytes: 512 * 1024 ** 2, cpus: 0.5, heapMb: 384 } as const;

/** What a pod has used. */
export interface PodUsage {
  /** Most memory at a time, files that the kernel keeps of it included. */
  readonly peakBytes: number;
  /** How often the kernel ended a process for lack of memory. */
  readonly killed: number;
}

/**
 * A control group of the kernel (cgroups, version 1) with the limits of a pod: what is started in it has the memory and the
 * processor time that a container would have.
 */
export class PodLimits {
  readonly #name: string;

  private constructor(name: string) {
    this.#name = name;
  }

  /** Why there are none on this machine; undefined when there are. */
  static missing(): string | undefined {
    if (process.getuid?.() !== 0) return 'control groups are made by root only';
    for (const controller of CONTROLLERS) {
      const folder = path.join(ROOT, controller);
      if (!existsSync(path.join(folder, 'cgroup.procs'))) return `there is no ${folder} (cgroups of version 1)`;
      const probe = path.join(folder, `nexus-probe-${process.pid}`);
      try {
        mkdirSync(probe);
        rmdirSync(probe);
      } catch {
        return `${folder} cannot be written to`;
      }
    }
    return undefined;
  }

  /** @throws Error where there are none; see {@link missing} */
  static make(label: string): PodLimits {
    const limits = new PodLimits(`nexus-${process.pid}-${label}`);
    for (const controller of CONTROLLERS) mkdirSync(limits.#folder(controller));
    limits.#write('memory', 'memory.limit_in_bytes', POD.memoryBytes);
    // As in a cluster: no swap beside it. Not every kernel counts swap.
    const swap = path.join(limits.#folder('memory'), 'memory.memsw.limit_in_bytes');
    if (existsSync(swap)) writeFileSync(swap, String(POD.memoryBytes));
    limits.#write('cpu', 'cpu.cfs_period_us', PERIOD_MICROS);
    limits.throttle(POD.cpus);
    return limits;
  }

  /** @param cpus processor time per time; undefined for as much as there is */
  throttle(cpus: number | undefined): void {
    this.#write('cpu', 'cpu.cfs_quota_us', cpus === undefined ? -1 : cpus * PERIOD_MICROS);
  }

  /** The command that starts this one within the limits, from its first instruction on. */
  around(command: readonly string[]): string[] {
    const join = CONTROLLERS.map((controller) => `echo $$ > ${path.join(this.#folder(controller), 'cgroup.procs')}`);
    return ['/bin/sh', '-c', `${join.join(' && ')} && exec "$@"`, 'sh', ...command];
  }

  /** Of what runs within. */
  get pids(): number[] {
    return this.#read('cpu', 'cgroup.procs').split('\n').filter(Boolean).map(Number);
  }

  get usage(): PodUsage {
    const killed = /^oom_kill (\d+)$/m.exec(this.#read('memory', 'memory.oom_control'))?.[1] ?? '0';
    return {
      peakBytes: Number(this.#read('memory', 'memory.max_usage_in_bytes')),
      killed: Number(killed),
    };
  }

  /** Call it when what ran within has ended. */
  remove(): void {
    for (const controller of CONTROLLERS) {
      if (existsSync(this.#folder(controller))) rmdirSync(this.#folder(controller));
    }
  }

  /** Takes away what runs that were killed left behind. */
  static removeLeftovers(): void {
    for (const controller of CONTROLLERS) {
      const folder = path.join(ROOT, controller);
      for (const name of existsSync(folder) ? readdirSync(folder) : []) {
        const pid = /^nexus-(\d+)-/.exec(name)?.[1];
        if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
        try {
          rmdirSync(path.join(folder, name));
        } catch {
          // Something still runs in it.
        }
      }
    }
  }

  #folder(controller: Controller): string {
    return path.join(ROOT, controller, this.#name);
  }

  #read(controller: Controller, file: string): string {
    return readFileSync(path.join(this.#folder(controller), file), 'utf8');
  }

  #write(controller: Controller, file: string, value: number): void {
    writeFileSync(path.join(this.#folder(controller), file), String(value));
  }
}
