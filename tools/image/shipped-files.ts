/** Which files of a package and of dist/ are shipped: what runs, and the licences of it. */

const LICENCE = /^(licen[cs]e|notice|copying|copyright|third-?party)/i;
/** Sources, declarations, maps, documentation, tests: nothing that the product loads. */
const NOT_RUN = /\.(?:ts|mts|cts|tsx|map|md|markdown|flow|tsbuildinfo|(?:spec|test)\.[cm]?js)$/i;
/** Only directly below a package: deeper down a folder of such a name may be code. */
const NOT_PRODUCT = /^(tests?|__tests__|specs?|examples?|benchmarks?|bench|coverage|docs?|\.[^/]*)$/;

/**
 * @param path of a file below its package, with forward slashes
 * @returns whether the image holds it
 */
export function isShipped(path: string): boolean {
  const [first = '', ...rest] = path.split('/');
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (LICENCE.test(name) && !/\.(ts|map)$/i.test(name)) return true;
  if (NOT_RUN.test(name)) return false;
  return !(NOT_PRODUCT.test(first) && rest.length > 0) && !name.startsWith('.');
}

/** `dist/libs/testing` is what specs are made of. @param path below dist/, with forward slashes */
export function isShippedProgram(path: string): boolean {
  return /^(apps|libs)\/.*\.js$/.test(path) && !path.startsWith('libs/testing/') && !/\.spec\.js$/.test(path);
}
