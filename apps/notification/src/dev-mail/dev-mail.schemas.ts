import { timestamp } from '@nexus/http';
import { z } from 'zod';

/** A captured mail, for tests. */
export const capturedMailSchema = z.object({
  id: z.uuid(),
  to: z.string(),
  from: z.string(),
  subject: z.string(),
  text: z.string(),
  html: z.string(),
  created_at: timestamp,
});
export type CapturedMailView = z.output<typeof capturedMailSchema>;

export const messagesQuery = z.strictObject({ to: z.string().max(254).optional() });
export type MessagesQuery = z.output<typeof messagesQuery>;

/** Not called `id`: whatever is malformed is simply not there. */
export const mailParam = z.strictObject({ mail: z.string().max(64) });
