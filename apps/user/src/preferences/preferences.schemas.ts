import { opaqueObject } from '@nexus/http';
import type { z } from 'zod';

const MAX_BYTES = 16 * 1024;

export const preferencesSchema = opaqueObject(MAX_BYTES).meta({
  id: 'Preferences',
  description: 'Free-form: every key is kept as it is. At most 16 KiB as JSON.',
  example: { theme: 'dark', sidebarWidth: 240 },
});
export type Preferences = z.output<typeof preferencesSchema>;
