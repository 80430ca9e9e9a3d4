import { main } from '../../main.js';

// For `nest start file`: the same as `node dist/apps/main.js --target=file`.
if (import.meta.main) await main(['--target=file']);
