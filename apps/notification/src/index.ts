import { defineService } from '@nexus/bootstrap';
import { accountRegistered, passwordChanged, projectMemberAdded } from '@nexus/contracts';
import { NotificationEntity } from './inbox/notification.entity.js';
import { CapturedMailEntity } from './mail/captured-mail.entity.js';
import { DeliverMailJob, deliverMail } from './mail/deliver-mail.job.js';
import { DeliveryEntity } from './mail/delivery.entity.js';
import { Notifications1763856000500 } from './migrations/0001-notifications.js';
import { mailNeedsServer, notificationConfig } from './notification.config.js';
import { WelcomeHandler } from './reactions/account-registered.event.js';
import { PasswordChangedHandler } from './reactions/password-changed.event.js';
import { ProjectMemberAddedHandler } from './reactions/project-member-added.event.js';

/** Inboxes, live streams and mail. */
export const notificationService = defineService({
  name: 'notification',
  port: 8085,
  module: async () => (await import('./notification.module.js')).NotificationModule,
  subscribes: [
    { event: accountRegistered, handler: WelcomeHandler },
    { event: passwordChanged, handler: PasswordChangedHandler },
    { event: projectMemberAdded, handler: ProjectMemberAddedHandler },
  ],
  jobs: [{ job: deliverMail, handler: DeliverMailJob, concurrency: 4 }],
  database: {
    entities: [NotificationEntity, DeliveryEntity, CapturedMailEntity],
    migrations: [Notifications1763856000500],
  },
  config: [notificationConfig],
  configRules: [mailNeedsServer],
  egress: [{ to: 'postgres' }, { to: 'redis' }, { to: 'smtp' }],
});
