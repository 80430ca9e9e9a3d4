/**
 * Makes what is generated from the code: the OpenAPI document, the error catalogue, the configuration table, the
 * route manifest, and what of the charts follows from it. `--check` compares instead of writing. Needs a current build in `dist/`.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { chartFiles } from './charts/charts.ts';
import { configDocument, withConfigTable } from './config-document.ts';
import { errorDocument } from './error-document.ts';
import { loadPlatform } from './platform.ts';
import { routeManifest } from './route-manifest.ts';

const root = join(import.meta.dirname, '../..');
const check = process.argv.includes('--check');
const platform = await loadPlatform(root);

const files: Record<string, string> = {
  'docs/openapi.json': `${JSON.stringify(platform.openapi, null, 2)}\n`,
  'docs/errors.md': errorDocument(platform.errors),
  'docs/config.md': configDocument(platform.slices),
  'README.md': withConfigTable(readFileSync(join(root, 'README.md'), 'utf8'), platform.slices),
  'libs/contracts/src/route-manifest.generated.ts': routeManifest(platform.policies),
  ...chartFiles(platform.charts),
};

let stale = 0;
for (const [name, content] of Object.entries(files)) {
  const file = join(root, name);
  if (existsSync(file) && readFileSync(file, 'utf8') === content) continue;
  stale += 1;
  if (check) console.error(`${name} is not current: run npm run generate`);
  else {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
    console.log(`wrote ${name}`);
  }
}
process.exit(check && stale > 0 ? 1 : 0);
