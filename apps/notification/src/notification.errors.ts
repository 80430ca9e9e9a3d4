import { defineErrors } from '@nexus/kernel';

/** Errors of the notification service. */
export const notificationErrors = defineErrors('notification', {
  notification_not_found: { status: 404, message: 'There is no such notification.' },
});
