/** Lets a process of a test run the sources as Jest does: compiled one by one, by the same compiler and settings. */
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { transformSync } from '@swc/core';

const root = new URL('../../../', import.meta.url);
const settings = JSON.parse(readFileSync(new URL('.swcrc', root), 'utf8'));
delete settings.exclude;

function fileOf(specifier, parent) {
  const lib = /^@nexus\/([a-z-]+)$/.exec(specifier)?.[1];
  if (lib) return new URL(`libs/${lib}/src/index.ts`, root).href;
  if (!/^\.{1,2}\//.test(specifier) || !parent?.endsWith('.ts')) return undefined;
  return new URL(specifier.replace(/\.js$/, '.ts'), parent).href;
}

registerHooks({
  resolve(specifier, context, next) {
    const url = fileOf(specifier, context.parentURL);
    return url ? { url, format: 'module', shortCircuit: true } : next(specifier, context);
  },
  load(url, context, next) {
    if (!url.endsWith('.ts')) return next(url, context);
    const { code } = transformSync(readFileSync(fileURLToPath(url), 'utf8'), {
      ...settings,
      swcrc: false,
      filename: fileURLToPath(url),
      sourceMaps: 'inline',
      module: { type: 'es6' },
    });
    return { format: 'module', source: code, shortCircuit: true };
  },
});
