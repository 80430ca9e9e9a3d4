import { existsSync, readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { transformSync } from '@swc/core';

// `node --import` this file to run the sources as they are, decorators included: for specs that need a process of their own.
const root = new URL('../../../', import.meta.url);

registerHooks({
  resolve(specifier, context, next) {
    const lib = /^@nexus\/([a-z-]+)$/.exec(specifier)?.[1];
    if (lib) return next(new URL(`libs/${lib}/src/index.ts`, root).href, context);
    if (specifier.startsWith('.') && specifier.endsWith('.js') && context.parentURL?.endsWith('.ts')) {
      const source = fileURLToPath(new URL(specifier, context.parentURL)).replace(/\.js$/, '.ts');
      if (existsSync(source)) return next(pathToFileURL(source).href, context);
    }
    return next(specifier, context);
  },
  load(url, context, next) {
    if (!url.startsWith('file:') || !url.endsWith('.ts')) return next(url, context);
    const filename = fileURLToPath(url);
    const { code } = transformSync(readFileSync(filename, 'utf8'), {
      filename,
      swcrc: false,
      sourceMaps: 'inline',
      module: { type: 'es6' },
      jsc: {
        target: 'es2023',
        keepClassNames: true,
        parser: { syntax: 'typescript', decorators: true },
        transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
      },
    });
    return { format: 'module', source: code, shortCircuit: true };
  },
});
