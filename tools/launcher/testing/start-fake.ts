import { join } from 'node:path';
import { CHECKOUT } from '../app-process.ts';
import { runLauncher } from '../main.ts';

/** The launcher as `npm start` runs it, around the stand-in application. Arguments: [central folder]. */
await runLauncher({
  root: CHECKOUT,
  watch: false,
  appEntry: join(import.meta.dirname, 'fake-app.mjs'),
  ...(process.argv[2] ? { centralDir: process.argv[2] } : {}),
});
