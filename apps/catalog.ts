import type { ServiceDefinition } from '@nexus/bootstrap';
import { authService } from './auth/src/index.js';
import { fileService } from './file/src/index.js';
import { gatewayService } from './gateway/src/index.js';
import { notificationService } from './notification/src/index.js';
import { projectService } from './project/src/index.js';
import { userService } from './user/src/index.js';

/** Every service of the platform: the only place that knows several. */
export const catalog: readonly ServiceDefinition[] = [
  gatewayService,
  authService,
  userService,
  projectService,
  fileService,
  notificationService,
];
