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
import { PerformanceObserver } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import vm from 'node:vm';
import { TestEnvironment } from 'jest-environment-node';

// V8's own cache of compiled code holds whatever the code was loaded into: with it no memory of a test file is ever freed,
// and a worker ends with 2 GB to look through.
setFlagsFromString('--no-compilation-cache');

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

/**
 * Keeps byte code in memory of this realm: the buffers that V8 gives are of the test file's, and would keep all of it.
 * @param {string} key
 * @param {string} source
 * @param {Buffer} code
 */
function keep(key, source, code) {
  kept.set(key, { source, code: Buffer.from(code) });
}

/** @type {typeof compileFunction} */
vm.compileFunction = (source, parameters, options) => {
  const key = `${parameters?.join()}\n${options?.filename}`;
  const known = cachedData(key, source);
  if (known.cachedData) return compileFunction(source, parameters, { ...options, ...known });
  const compiled = compileFunction(source, parameters, { ...options, produceCachedData: true });
  if (compiled.cachedData) keep(key, source, compiled.cachedData);
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
    if (!known.cachedData) keep(key, source, this.createCachedData());
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

setFlagsFromString('--expose-gc');
const collect = vm.runInNewContext('gc');
setFlagsFromString('--no-expose-gc');
/**
 * Observers of the test file that runs. prom-client's never ends, and would keep the file's memory.
 * @type {Set<PerformanceObserver>}
 */
const observers = new Set();
const { observe } = PerformanceObserver.prototype;

/** @type {typeof observe} */
PerformanceObserver.prototype.observe = function (options) {
  observers.add(this);
  observe.call(this, options);
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

  /** @override */
  async teardown() {
    for (const observer of observers) observer.disconnect();
    observers.clear();
    await super.teardown();
    if (process.memoryUsage().heapUsed > 800e6) collect();
  }
}
