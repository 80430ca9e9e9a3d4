import { type ConfigOf, defineConfig, env } from '@nexus/config';

const GIB = 1024 ** 3;

/** What the file service reads. */
export const fileConfig = defineConfig('file', {
  FILE_MAX_BYTES: {
    schema: env.int(5 * GIB, { min: 1 }),
    description: 'Largest file, in bytes.',
  },
  FILE_QUOTA_BYTES: {
    schema: env.int(10 * GIB),
    description: 'What one user may keep, the trash included, in bytes.',
  },
  FILE_UPLOAD_IDLE_SECONDS: {
    schema: env.int(60, { min: 1, max: 3_600 }),
    description: 'An upload that sends no byte for so long is answered with 408, in seconds.',
  },
  FILE_UPLOAD_STALE_SECONDS: {
    schema: env.int(30, { min: 5, max: 3_600 }),
    description: 'An upload whose process gave no sign of life for so long is cleared away, in seconds.',
  },
  FILE_SWEEP_SECONDS: {
    schema: env.int(30, { min: 1, max: 3_600 }),
    description: 'How often the remains of broken uploads and the expired trash are looked for, in seconds.',
  },
  FILE_TRASH_DAYS: {
    schema: env.int(30, { max: 3_650 }),
    description: 'How long a deleted file can be restored, in days.',
  },
});
export type FileConfig = ConfigOf<typeof fileConfig>;
