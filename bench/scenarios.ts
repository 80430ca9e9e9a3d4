import type { RequestSpec } from './load/request-template.ts';

/** What the `all` process is measured with: it needs nothing but itself and PostgreSQL. */
export const PRODUCT_SCENARIO_NAMES = ['cached-get', 'get-by-key', 'list', 'create', 'login'] as const;
export type ProductScenarioName = (typeof PRODUCT_SCENARIO_NAMES)[number];

/** What the gateway is measured with under load; see `gateway/gateway-scenarios.ts`. */
export const GATEWAY_SCENARIO_NAMES = ['proxied-get', 'mtls-get', 'split-get'] as const;
export type GatewayScenarioName = (typeof GATEWAY_SCENARIO_NAMES)[number];

/** What is no matter of CPU per request. */
export const TRIAL_NAMES = ['token-check', 'slow-upload', 'cache-get', 'cache-policy'] as const;
export type TrialName = (typeof TRIAL_NAMES)[number];

export type ScenarioName = ProductScenarioName | GatewayScenarioName;
export const SELECTABLE_NAMES = [...PRODUCT_SCENARIO_NAMES, ...GATEWAY_SCENARIO_NAMES, ...TRIAL_NAMES] as const;
export type SelectableName = (typeof SELECTABLE_NAMES)[number];

/** How the tables call a contestant. */
export const CONTESTANT_TITLES = {
  nexus: 'Nexus',
  'raw-fastify': '(a) raw Fastify, same JSON',
  'nest-hello': '(b) Nest on Fastify, same JSON',
  'raw-fastify-pg': '(c) raw Fastify + pg, same statements',
  'fastify-schema': '(d) Fastify with a response schema, same JSON',
  'node-http': '(e) raw node:http, same bytes from a Buffer',
  gateway: 'Nexus gateway',
  'gateway-plain': 'Nexus gateway, plain upstream',
  'gateway-mtls': 'Nexus gateway, mTLS upstream',
  'own-bare': 'own forwarding without the policy chain',
  'http-proxy': 'bare @fastify/http-proxy',
  'http-request': 'raw node:http + http.request',
  'undici-dispatch': 'bare node:http + undici dispatch',
  nginx: 'nginx proxy_pass, 1 worker',
  split: 'Nexus gateway + project service',
  'split-mtls': 'Nexus gateway + project service, mTLS between',
} as const;
export type ContestantName = keyof typeof CONTESTANT_TITLES;

/** Those that say by `Cache-Status` which path an answer took. */
export const OWN_CONTESTANTS: ReadonlySet<ContestantName> = new Set([
  'nexus',
  'gateway',
  'gateway-plain',
  'gateway-mtls',
  'split',
  'split-mtls',
]);

/** Whom `--profile` looks into: Nexus, and what shows which part of its time nobody could save. */
export const PROFILED_CONTESTANTS: ReadonlySet<ContestantName> = new Set([
  ...OWN_CONTESTANTS,
  'own-bare',
  'undici-dispatch',
]);

/** CPU per request of one contestant over that of another, taken within a round. */
export interface Ratio {
  /** Name of the requirement, where it has one. */
  id?: string;
  of: ContestantName;
  against: ContestantName;
  /** Upper bound; absent where the ratio is only reported. */
  target?: number;
  /** What would be ahead of the field. */
  ambition?: number;
  /** The bound is only held up for comparison. */
  informative?: boolean;
}

/** What is measured, who takes part, and how they are compared. */
export interface Scenario {
  name: ScenarioName;
  title: string;
  connections: number;
  contestants: ContestantName[];
  ratios: readonly Ratio[];
  /** Those who run the same statements per request, or the run ends. */
  sameStatements?: ContestantName[];
}

const nexusAgainst = (against: ContestantName, target?: number): Ratio => ({
  of: 'nexus',
  against,
  ...(target === undefined ? {} : { target }),
});

export const PRODUCT_SCENARIOS: readonly Scenario[] = [
  {
    name: 'cached-get',
    title: 'GET a project: authenticated, rate-limited, from the cache',
    connections: 64,
    contestants: ['nexus', 'raw-fastify', 'nest-hello', 'fastify-schema', 'node-http'],
    // The last one judges the harness itself.
    ratios: [
      nexusAgainst('raw-fastify'),
      nexusAgainst('nest-hello', 1.6),
      { ...nexusAgainst('fastify-schema', 1.15), id: 'C1', ambition: 1 },
      { ...nexusAgainst('node-http', 1.6), id: 'C2', ambition: 1.35 },
      { of: 'nest-hello', against: 'raw-fastify' },
    ],
  },
  {
    name: 'get-by-key',
    title: 'GET a project by primary key, past the cache',
    connections: 64,
    contestants: ['nexus', 'raw-fastify-pg'],
    ratios: [nexusAgainst('raw-fastify-pg', 1.6)],
    sameStatements: ['nexus', 'raw-fastify-pg'],
  },
  {
    name: 'list',
    title: 'GET a list of 20 projects with the exact total, past the cache',
    connections: 64,
    contestants: ['nexus', 'raw-fastify-pg'],
    ratios: [nexusAgainst('raw-fastify-pg')],
    sameStatements: ['nexus', 'raw-fastify-pg'],
  },
  {
    name: 'create',
    title: 'POST a project (one transaction)',
    connections: 64,
    contestants: ['nexus', 'raw-fastify-pg'],
    ratios: [nexusAgainst('raw-fastify-pg', 2)],
    sameStatements: ['nexus', 'raw-fastify-pg'],
  },
  {
    name: 'login',
    title: 'POST a login (argon2id)',
    // Bounded by the hash: more connections would only measure the queue in front of it.
    connections: 8,
    contestants: ['nexus', 'raw-fastify-pg'],
    ratios: [nexusAgainst('raw-fastify-pg')],
    sameStatements: ['nexus', 'raw-fastify-pg'],
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
export type Answers = Record<ProductScenarioName, Answer>;

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
