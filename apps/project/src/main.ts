import { main } from '../../main.js';

// For `nest start project`: the same as `node dist/apps/main.js --target=project`.
if (import.meta.main) await main(['--target=project']);
