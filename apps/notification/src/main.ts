import { main } from '../../main.js';

// For `nest start notification`: the same as `node dist/apps/main.js --target=notification`.
if (import.meta.main) await main(['--target=notification']);
