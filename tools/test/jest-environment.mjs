/**
 * Jest's environment for Node, cheaper to run in:
 *
 * - its global object is an ordinary one. Jest's own is a proxy that the context asks at each use of a global name.
 * - byte code is kept between files, and so are the packages' sources: Jest loads every package and source anew for each
 *   test file of a worker, and reading and compiling them is a fifth of what the files without a long test of their own
 *   take. V8 checks the kept code against the source and against its own version, and compiles as usual what does not
 *   match.
 */
import { createRequire } from 'node:module';
import { sep } from 'node:path';
import vm from 'node:vm';
import { TestEnvironment } from 'jest-environment-node';

/** @type {Map<string, { source: string, code: Buffer }>} */
const kept = new Map();
const { compileFunction, createContext, SourceTextModule } = vm;

/**
 * What was kept of the same text; for options of the compiler.
 * @param {string} key
 * @param {string} source
 */
function cachedData(key, source) {
  const found = kept.get(key);
  return found?.source === source ? { cachedData: found.code } : {};
}

/** @type {typeof compileFunction} */
vm.compileFunction = (source, parameters, options) => {
  const key = `${parameters?.join()}\n${options?.filename}`;
  const known = cachedData(key, source);
  if (known.cachedData) return compileFunction(source, parameters, { ...options, ...known });
  const compiled = compileFunction(source, parameters, { ...options, produceCachedData: true });
  if (compiled.cachedData) kept.set(key, { source, code: compiled.cachedData });
  return compiled;
};

vm.SourceTextModule = class extends SourceTextModule {
  /**
   * @param {string} source
   * @param {import('node:vm').SourceTextModuleOptions} [options]
   */
  constructor(source, options) {
    const key = `module\n${options?.identifier}`;
    const known = cachedData(key, source);
    super(source, { ...options, ...known });
    // @ts-expect-error: @types/node does not know it yet
    if (!known.cachedData) kept.set(key, { source, code: this.createCachedData() });
  }
};

/** Jest reads through this module, specs through Node's own. */
const jestFs = createRequire(createRequire(import.meta.url).resolve('jest-runtime'))('graceful-fs');
const { readFileSync } = jestFs;
const PACKAGES = `${sep}node_modules${sep}`;
/** @type {Map<string, Buffer>} files of packages, which no test changes */
const packages = new Map();

jestFs.readFileSync = (/** @type {string} */ path, /** @type {unknown} */ options) => {
  if (options !== undefined || typeof path !== 'string' || !path.includes(PACKAGES)) return readFileSync(path, options);
  const content = packages.get(path) ?? readFileSync(path);
  packages.set(path, content);
  return content;
};

export default class OrdinaryGlobal extends TestEnvironment {
  /** @param {ConstructorParameters<typeof TestEnvironment>} args */
  constructor(...args) {
    vm.createContext = () => createContext(vm.constants.DONT_CONTEXTIFY);
    try {
      super(...args);
    } finally {
      vm.createContext = createContext;
    }
  }
}
