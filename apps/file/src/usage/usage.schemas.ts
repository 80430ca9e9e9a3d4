import { z } from 'zod';

export const fileUsage = z
  .object({
    used: z
      .number()
      .int()
      .describe('Bytes that the caller’s files take, the trash included.')
      .meta({ example: 48_213 }),
    limit: z.number().int().describe('Bytes that they may take.').meta({ example: 10_737_418_240 }),
    count: z.number().int().describe('Number of files, the trash included.').meta({ example: 1 }),
  })
  .meta({ id: 'FileUsage' });
export type FileUsage = z.output<typeof fileUsage>;
