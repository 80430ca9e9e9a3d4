import { type Config, type ConfigOf, defineConfig, env, platformConfig } from '@nexus/config';
import { z } from 'zod';
import { parseMailbox } from './mail/mailbox.js';

/** How mail leaves the platform, and how many live streams a person may hold. */
export const notificationConfig = defineConfig('notification', {
  SMTP_URL: {
    schema: z.url({ protocol: /^smtps?$/, error: 'must be an smtp:// or smtps:// URL' }).optional(),
    description:
      'Mail server, as `smtp://user:password@host:587` or `smtps://…:465`. Without it mail is captured and shown at `/dev/mail`; only `development` may do without.',
    secret: true,
  },
  MAIL_FROM: {
    schema: env
      .string()
      .default('Nexus <no-reply@nexus.local>')
      .refine((text) => parseMailbox(text) !== undefined, 'must be an address, or a name and <address>'),
    description: 'Sender of every mail, as `Name <address>`.',
  },
  NOTIFICATION_STREAMS_PER_USER: {
    schema: env.int(10, { min: 1, max: 100 }),
    description: 'Live streams one person may have open in a process; one more ends the oldest.',
  },
});
export type NotificationConfig = ConfigOf<typeof notificationConfig>;

/** Captured mail would reach nobody: only a developer's own machine may do without a mail server. */
export function mailNeedsServer(config: Config): string | undefined {
  const { NEXUS_ENV } = config.get(platformConfig);
  if (NEXUS_ENV === 'development' || config.get(notificationConfig).SMTP_URL !== undefined) return undefined;
  return `SMTP_URL is needed with NEXUS_ENV=${NEXUS_ENV}: without it no mail would leave the platform`;
}
