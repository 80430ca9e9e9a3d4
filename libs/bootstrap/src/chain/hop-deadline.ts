import { DEADLINE_HEADER, deadlineFrom } from '@nexus/resilience';
import type { Step } from './chain.js';

/** The gateway's deadline holds here, too, when it is the earlier one. */
export const hopDeadline: Step = (exchange) => {
  const told = exchange.request.headers[DEADLINE_HEADER];
  if (told !== undefined) {
    const left = exchange.deadline - exchange.startedAt;
    exchange.deadline = Math.min(exchange.deadline, deadlineFrom(told, left));
  }
  return 'continue';
};
