import { randomUUID } from 'node:crypto';
import { createPlans, projectBody } from './request-plans.ts';
import type { Account, Answer, ReferenceData, RequestPlans } from './scenarios.ts';

/** Data in the shape of the HTTP contract, for runs without Nexus (`--references-only`), which leave (c) out. */
export function sampleData(): { data: ReferenceData; plans: RequestPlans } {
  const reader = account('reader');
  const creator = account('creator');
  const logins = [account('login-1'), account('login-2')];
  const projects = Array.from({ length: 25 }, (_, index) => project(reader.id, index));
  const tokens = {
    access_token: 'a'.repeat(430),
    token_type: 'Bearer',
    expires_in: 900,
    refresh_token: 'r'.repeat(86),
    refresh_expires_in: 2_592_000,
  };
  const answers = {
    'cached-get': envelope(projects[0]),
    'get-by-key': envelope(projects[0]),
    list: { ...envelope(projects.slice(0, 20)), page: { limit: 20, next_cursor: 'c'.repeat(100), total: 25 } },
    create: envelope(project(creator.id, 0)),
    login: envelope({ user: { id: reader.id, email: reader.email, role: 'user' }, tokens }),
  };
  const ids = projects.map(({ id }) => id as string);
  const token = () => tokens.access_token;
  return {
    data: { reader, creator, answers },
    plans: createPlans({ ids, readerToken: token(), creatorToken: token(), logins }),
  };
}

function account(name: string): Account {
  return { id: randomUUID(), email: `${name}@bench.example`, password: `correct horse ${name}` };
}

function project(owner: string, index: number): Record<string, unknown> {
  const now = new Date().toISOString();
  return {
    id: randomUUID(),
    ...projectBody(index),
    status: 'active',
    owner_id: owner,
    role: 'owner',
    version: 1,
    created_at: now,
    updated_at: now,
  };
}

function envelope(data: unknown): Answer {
  return { success: true, data, request_id: randomUUID() };
}
