import type { EventDefinition } from '../event.js';
import { accountChanged, accountRegistered, passwordChanged } from './account.event.js';
import { projectMemberAdded } from './project.event.js';
import { userStatusChanged } from './user.event.js';

/** Every event of the platform; `--migrate` creates a queue for each subscriber. */
export const ALL_EVENTS: readonly EventDefinition[] = [
  accountRegistered,
  accountChanged,
  passwordChanged,
  userStatusChanged,
  projectMemberAdded,
];
