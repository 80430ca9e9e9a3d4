import { type Actor, type CallContext, type Role, serviceActor, type UserActor, uuidv4, uuidv7 } from '@nexus/kernel';

const MINUTE_MS = 60_000;

/** A signed-in person. */
export function testUser(facts: { readonly id?: string; readonly role?: Role } = {}): UserActor {
  return {
    kind: 'user',
    id: facts.id ?? uuidv7(),
    role: facts.role ?? 'user',
    sessionId: uuidv7(),
    sessionVersion: 1,
    scopes: [],
    amr: ['pwd'],
  };
}

/** The context of a request made by this actor, with a minute to go. */
export function testContext(actor: Actor = testUser(), changes: Partial<CallContext> = {}): CallContext {
  return {
    actor,
    requestId: uuidv4(),
    deadline: Date.now() + MINUTE_MS,
    trace: { traceId: uuidv4().replaceAll('-', ''), spanId: '00f067aa0ba902b7', sampled: false },
    signal: new AbortController().signal,
    ...changes,
  };
}

/** The context of a service's own work. */
export function testServiceContext(name: string): CallContext {
  return testContext(serviceActor(name));
}
