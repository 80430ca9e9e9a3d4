import { main } from '../../main.js';

// For `nest start user`: the same as `node dist/apps/main.js --target=user`.
if (import.meta.main) await main(['--target=user']);
