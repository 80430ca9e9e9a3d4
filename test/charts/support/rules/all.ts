import { environmentOf, MANAGEMENT_PORT } from '../environment.js';
import { linted } from './lint.js';
import { lifeCycle, resources, rollout } from './pod-resources.js';
import { noDefaultTokens, noSecrets, restricted } from './pod-security.js';
import { pods, routes, selectors } from './references.js';
import type { Rule } from './rule.js';
import { autoscaling, disruption } from './scaling.js';

/** What every pod of a service takes. */
export const POD_RESOURCES = { cpu: '500m', memory: '512Mi' };

/** What holds for every rendering of every chart. */
export const RULES: readonly Rule[] = [
  restricted,
  noDefaultTokens,
  noSecrets,
  resources(POD_RESOURCES),
  lifeCycle(MANAGEMENT_PORT, environmentOf),
  rollout,
  autoscaling,
  disruption,
  pods(),
  selectors,
  routes,
  linted,
];
