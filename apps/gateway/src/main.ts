import { main } from '../../main.js';

// For `nest start gateway`: the same as `node dist/apps/main.js --target=gateway`.
if (import.meta.main) await main(['--target=gateway']);
