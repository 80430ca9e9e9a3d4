import type { RequestSpec } from './load/request-template.ts';
import type { Account, RequestPlans } from './scenarios.ts';

export interface PlanInput {
  /** Projects of the reader; read in turn. */
  ids: string[];
  readerToken: string;
  creatorToken: string;
  logins: Account[];
}

/** What a project of the benchmark is created with. @param index a number, or the placeholder of a request template */
export function projectBody(index: number | '{{counter}}'): Record<string, unknown> {
  const digits = typeof index === 'number' ? String(index).padStart(12, '0') : index;
  return {
    name: `Benchmark project ${digits}`,
    description: 'A description of the length that people write: two short sentences. This is the second one.',
    visibility: 'private',
    tags: ['benchmark', 'reference'],
    metadata: { cost_center: 'R-17', priority: 3, reviewed: true },
  };
}

/** The requests of every scenario as Nexus expects them; the references are sent the same ones. */
export function createPlans({ ids, readerToken, creatorToken, logins }: PlanInput): RequestPlans {
  const read = (path: string, extra: Record<string, string> = {}): RequestSpec => ({
    method: 'GET',
    path,
    headers: { ...client(readerToken), ...extra },
  });
  const projects = { requests: ids.map((id) => read(`/api/v1/projects/${id}`)), expectedStatus: 200 };
  const fromTheCache = { ...projects, expectedHead: 'nexus; hit; detail=l1' };
  const pastTheCache = { 'Cache-Control': 'no-cache' };
  return {
    'cached-get': fromTheCache,
    'get-by-key': {
      requests: ids.map((id) => read(`/api/v1/projects/${id}`, pastTheCache)),
      expectedStatus: 200,
      expectedHead: 'nexus; fwd=',
    },
    list: {
      requests: [read('/api/v1/projects?limit=20', pastTheCache)],
      expectedStatus: 200,
    },
    create: {
      requests: [post('/api/v1/projects', projectBody('{{counter}}'), client(creatorToken))],
      expectedStatus: 201,
    },
    login: {
      requests: logins.map(({ email, password }) => post('/api/v1/auth/login', { email, password }, client())),
      expectedStatus: 200,
    },
    // Their upstream answers the same whatever is asked.
    'proxied-get': projects,
    'mtls-get': projects,
    'split-get': fromTheCache,
  };
}

function client(token?: string): Record<string, string> {
  return {
    Accept: 'application/json',
    'User-Agent': 'nexus-bench/1',
    ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
  };
}

function post(path: string, body: unknown, headers: Record<string, string>): RequestSpec {
  return {
    method: 'POST',
    path,
    headers: { ...headers, 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  };
}
