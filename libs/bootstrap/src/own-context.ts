import { type CallContext, serviceActor, uuidv4 } from '@nexus/kernel';
import { startTrace } from '@nexus/observability';

const OWN_WORK_MS = 30_000;

/**
 * The context of a service's own work (start, jobs, repairs).
 * @param timeoutMs how long the work may take
 */
export function ownContext(service: string, timeoutMs: number = OWN_WORK_MS): CallContext {
  return {
    actor: serviceActor(service),
    requestId: uuidv4(),
    deadline: Date.now() + timeoutMs,
    trace: startTrace(),
    signal: AbortSignal.timeout(timeoutMs),
  };
}
