import { type ConfigOf, defineConfig, env } from '@nexus/config';

/** How the project service keeps its trash. */
export const projectConfig = defineConfig('project', {
  PROJECT_TRASH_SWEEP_SECONDS: {
    schema: env.int(21_600, { min: 1, max: 86_400 }),
    description: 'How often projects that have been in the trash for 30 days are removed for good, in s.',
  },
});
export type ProjectConfig = ConfigOf<typeof projectConfig>;
