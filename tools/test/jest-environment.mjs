/**
 * Jest's environment for Node, with byte code kept between files: Jest loads every package and source anew for each test
 * file of a worker, and compiling them is a fifth of what the files without a long test of their own take. V8 checks the
 * kept code against the source and against its own version, and compiles as usual what does not match.
 */
import vm from 'node:vm';
import { TestEnvironment } from 'jest-environment-node';

/** @type {Map<string, { source: string, code: Buffer }>} */
const kept = new Map();
const { compileFunction, SourceTextModule } = vm;

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

export default TestEnvironment;
