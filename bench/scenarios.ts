import type { RequestSpec } from './load/request-template.ts';

export const SCENARIO_NAMES = ['cached-get', 'get-by-key', 'list', 'create', 'login'] as const;
export type ScenarioName = (typeof SCENARIO_NAMES)[number];

export const CONTESTANT_NAMES = ['nexus', 'raw-fastify', 'nest-hello', 'raw-fastify-pg'] as const;
export type ContestantName = (typeof CONTESTANT_NAMES)[number];

/** How the tables call a contestant. */
export const CONTESTANT_TITLES: Record<ContestantName, string> = {
  nexus: 'Nexus',
  'raw-fastify': '(a) raw Fastify, same JSON',
  'nest-hello': '(b) Nest on Fastify, same JSON',
  'raw-fastify-pg': '(c) raw Fastify + pg, same statements',
};

/** What is measured, against whom, and what the ratio of CPU per request may be at most. */
export interface Scenario {
  name: ScenarioName;
  title: string;
  connections: number;
  contestants: ContestantName[];
  /** The denominator of the ratio. */
  reference: ContestantName;
  /** Upper bound of CPU per request of Nexus / the reference; absent where the ratio is only reported. */
  target?: number;
}

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'cached-get',
    title: 'GET a project: authenticated, rate-limited, from the cache',
    connections: 64,
    contestants: ['nexus', 'raw-fastify', 'nest-hello'],
    reference: 'nest-hello',
    target: 1.6,
  },
  {
    name: 'get-by-key',
    title: 'GET a project by primary key, past the cache',
    connections: 64,
    contestants: ['nexus', 'raw-fastify-pg'],
    reference: 'raw-fastify-pg',
    target: 1.6,
  },
  {
    name: 'list',
    title: 'GET a list of 20 projects with the exact total, past the cache',
    connections: 64,
    contestants: ['nexus', 'raw-fastify-pg'],
    reference: 'raw-fastify-pg',
  },
  {
    name: 'create',
    title: 'POST a project (one transaction)',
    connections: 64,
    contestants: ['nexus', 'raw-fastify-pg'],
    reference: 'raw-fastify-pg',
    target: 2,
  },
  {
    name: 'login',
    title: 'POST a login (argon2id)',
    // Bounded by the hash: more connections would only measure the queue in front of it.
    connections: 8,
    contestants: ['nexus', 'raw-fastify-pg'],
    reference: 'raw-fastify-pg',
  },
];

/** Upper bound of the resident set of the Nexus process after its start, in MB (10^6 bytes). */
export const IDLE_RSS_TARGET_MB = 220;

/** The requests of one scenario; every contestant is sent the same bytes but for the Host field. */
export interface RequestPlan {
  requests: RequestSpec[];
  expectedStatus: number;
  /** Text in the head of every answer of Nexus that proves which path was taken. */
  expectedHead?: string;
}

export type RequestPlans = Record<ScenarioName, RequestPlan>;

/** An answer's JSON, whole. */
export interface Answer {
  success: true;
  data: unknown;
  page?: { limit: number; next_cursor: string | null; total: number };
  request_id: string;
}

/** One answer of Nexus per scenario: what the references have to answer with, in shape and size. */
export type Answers = Record<ScenarioName, Answer>;

export interface Account {
  id: string;
  email: string;
  password: string;
}

/** What the references need to answer as Nexus does. */
export interface ReferenceData {
  /** Owns the projects that are read and listed. */
  reader: Account;
  /** Owns the projects that are created. */
  creator: Account;
  answers: Answers;
}
