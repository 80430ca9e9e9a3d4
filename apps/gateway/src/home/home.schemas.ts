import { z } from 'zod';

export const discovery = z
  .object({
    name: z.string().meta({ example: 'Nexus' }),
    version: z.string().meta({ example: '0.1.0' }),
    links: z.object({ docs: z.string(), openapi: z.string(), jwks: z.string(), live: z.string(), ready: z.string() }),
  })
  .meta({ id: 'Discovery' });
