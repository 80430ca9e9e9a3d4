import { cursorQuery, timestamp } from '@nexus/http';
import { z } from 'zod';

const category = z.string().regex(/^[a-z][a-z0-9_]{0,63}$/, 'must be a category such as project');

/** One entry of the inbox as clients see it. */
export const notificationSchema = z
  .object({
    id: z.uuid(),
    category: category.meta({ example: 'project' }),
    title: z.string().meta({ example: 'You were added to “Apollo”' }),
    body: z.string().meta({ example: 'You can now change the project and its files.' }),
    data: z
      .record(z.string(), z.unknown())
      .describe('What the entry is about; its keys depend on the category.')
      .meta({ example: { project_id: '0197b1a2-7c00-7000-8000-000000000001', role: 'editor' } }),
    read_at: timestamp.nullable(),
    version: z.number().int().meta({ example: 1 }),
    created_at: timestamp,
  })
  .meta({ id: 'Notification' });
export type NotificationView = z.output<typeof notificationSchema>;

/** A number of entries. */
export const countSchema = z.object({ count: z.number().int().meta({ example: 3 }) }).meta({ id: 'NotificationCount' });
export type Count = z.output<typeof countSchema>;

export const inboxQuery = cursorQuery(['-created_at', 'created_at'], '-created_at').extend({
  unread: z
    .enum(['true', 'false'])
    .transform((text) => text === 'true')
    .optional()
    .describe('`true`: what was not read yet; `false`: what was.'),
  category: category.optional(),
});
export type InboxQuery = z.output<typeof inboxQuery>;
