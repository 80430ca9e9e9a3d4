import { join } from 'node:path';
import { CHECKOUT } from '../app-process.ts';
import { runLauncher } from '../main.ts';

/** The launcher as `npm run start:split` runs it, around stand-ins for the six processes. */
await runLauncher({
  root: CHECKOUT,
  watch: false,
  split: true,
  appEntry: join(import.meta.dirname, 'fake-service.mjs'),
});
