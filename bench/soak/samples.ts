import { median } from '../statistics.ts';

/** What one process said of itself. */
export interface Sample {
  /** Seconds since the load began. */
  at: number;
  /** Resident set, in MB. */
  rss: number;
  /** Used heap of V8, in MB. */
  heap: number;
  /** Memory of buffers and the like, in MB. */
  external: number;
  descriptors: number;
  timers: number;
}

const MB = 1024 * 1024;

/** A value of the text format of Prometheus; labels are as they stand there. */
function value(text: string, series: string): number {
  const line = text.split('\n').find((one) => one.startsWith(`${series} `));
  return line === undefined ? 0 : Number(line.slice(line.lastIndexOf(' ') + 1));
}

/** @throws Error when the process does not answer */
export async function sample(managementUrl: string, at: number): Promise<Sample> {
  const reply = await fetch(`${managementUrl}/metrics`, { headers: { connection: 'close' } });
  const text = await reply.text();
  return {
    at,
    rss: value(text, 'process_resident_memory_bytes') / MB,
    heap: value(text, 'nodejs_heap_size_used_bytes') / MB,
    external: value(text, 'nodejs_external_memory_bytes') / MB,
    descriptors: value(text, 'process_open_fds'),
    timers: value(text, 'nodejs_active_resources{type="Timeout"}'),
  };
}

/** What must not grow, and how it did. */
export interface Verdict {
  name: string;
  unit: string;
  early: number;
  late: number;
  bound: number;
  met: boolean;
}

/**
 * Memory may not grow once the process has run for a quarter of the time, when its caches are full and its code is
 * compiled: the last quarter is held against the second one, with a tenth and 10 MB for what the collector leaves for
 * later. Descriptors and timers may not be more when the load is gone than before it came, but for pools: `slack`.
 */
export function verdicts(samples: readonly Sample[], before: Sample, after: Sample, slack: number): Verdict[] {
  const quarter = Math.max(1, samples.length >> 2);
  const second = samples.slice(quarter, 2 * quarter);
  const last = samples.slice(-quarter);
  const memory = (name: 'rss' | 'heap' | 'external'): Verdict => {
    const early = median(second.map((one) => one[name]));
    const late = median(last.map((one) => one[name]));
    const bound = early * 1.1 + 10;
    return { name, unit: 'MB', early, late, bound, met: late <= bound };
  };
  const rest = (name: 'descriptors' | 'timers'): Verdict => {
    const bound = before[name] + slack;
    return { name, unit: '', early: before[name], late: after[name], bound, met: after[name] <= bound };
  };
  return [memory('rss'), memory('heap'), memory('external'), rest('descriptors'), rest('timers')];
}
