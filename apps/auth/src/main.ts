import { main } from '../../main.js';

// For `nest start auth`: the same as `node dist/apps/main.js --target=auth`.
if (import.meta.main) await main(['--target=auth']);
