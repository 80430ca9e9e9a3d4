/**
 * A failure whose message is one sentence for the person at the terminal. It is printed as it stands, without a stack,
 * and ends the process with code 1; anything else that is thrown is a defect and keeps its stack.
 */
export class StartError extends Error {
  /** @override */
  name = 'StartError';
}

/**
 * The system's code of a failure, e.g. ENOENT. Asked of anything thrown: where tests run, errors of the system are not
 * instances of the Error that modules see.
 * @param {unknown} error
 * @returns {string | undefined}
 */
export function codeOf(error) {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : undefined;
}

/** @type {Map<string, (path: string, remedy: string) => string>} what "cannot write there" looks like, as one sentence that names the place. */
const FILE_FAULTS = new Map([
  ['ENOSPC', (path) => `The disk that holds ${path} is full: free some space and start again.`],
  ['EDQUOT', (path) => `The disk quota for ${path} is used up: free some space and start again.`],
  ['EROFS', (path, remedy) => `${path} is on a read-only file system: ${remedy}.`],
  ['ENOTDIR', (path) => `${path} cannot be used as a folder, because it or a part of its path is a file.`],
  ['EEXIST', (path) => `${path} cannot be used as a folder, because it or a part of its path is a file.`],
]);

/**
 * Turns a failed file operation into a StartError when its cause is the machine and not the program.
 * @param {unknown} error what the operation threw
 * @param {string} path the place to name
 * @param {string} [remedy] what to do when this user may not write there
 * @returns {unknown} a StartError, or the error itself when it says nothing a person could act on
 */
export function fileFault(error, path, remedy = 'choose another folder with NEXUS_DATA_DIR') {
  const code = codeOf(error);
  if (code === undefined || error instanceof StartError) return error;
  const sentence = FILE_FAULTS.get(code);
  if (sentence) return new StartError(sentence(path, remedy), { cause: error });
  if (code === 'EACCES' || code === 'EPERM') {
    return new StartError(`${path} cannot be read or written by this user: start as its owner, or ${remedy}.`, {
      cause: error,
    });
  }
  return error;
}
