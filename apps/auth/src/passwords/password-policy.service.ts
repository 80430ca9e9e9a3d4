import type { ErrorDetail, ErrorFactory } from '@nexus/kernel';
import { authErrors } from '../auth.errors.js';

const MIN_LENGTH = 10;
const MAX_LENGTH = 256;
/** A shorter local part is in too many good passwords. */
const MIN_LOCAL_PART = 3;

/** The form in which passwords are hashed and compared: the same text typed on two keyboards is the same (NIST SP 800-63B §3.1.1.2). */
export function normalPassword(password: string): string {
  return password.normalize('NFKC');
}

let common: Promise<string> | undefined;

/** The list as one text, every entry between line feeds: a tenth of the memory of a set. */
async function commonPasswords(): Promise<string> {
  // The package's index would load its dictionaries for other purposes, too.
  // @ts-expect-error -- the package has types for its index alone
  const { default: list } = (await import('@zxcvbn-ts/language-common/dist/passwords.json.mjs')) as {
    default: string[];
  };
  return `\n${list.join('\n').toLowerCase()}\n`;
}

async function isCommon(lowerCase: string): Promise<boolean> {
  common ??= commonPasswords();
  return !lowerCase.includes('\n') && (await common).includes(`\n${lowerCase}\n`);
}

/** One fault of a password, under the code of the catalogue. */
export function passwordFault(factory: ErrorFactory, field: string): ErrorDetail {
  return { ...(factory().details[0] as ErrorDetail), field };
}

/**
 * Everything that speaks against a password; empty for a good one. Lengths are Unicode characters.
 *
 * @param email of the owner, where it is known
 * @param field name of the request's field
 */
export async function passwordFaults(
  password: string,
  email: string | undefined,
  field: string,
): Promise<ErrorDetail[]> {
  const normal = normalPassword(password);
  const lowerCase = normal.toLowerCase();
  const length = [...normal].length;
  const localPart = (email ?? '').split('@', 1)[0]?.normalize('NFKC').toLowerCase() ?? '';
  const found: ErrorFactory[] = [];
  if (length < MIN_LENGTH) found.push(authErrors.password_too_short);
  if (length > MAX_LENGTH) found.push(authErrors.password_too_long);
  if (await isCommon(lowerCase)) found.push(authErrors.password_too_common);
  if (localPart.length >= MIN_LOCAL_PART && lowerCase.includes(localPart))
    found.push(authErrors.password_contains_email);
  return found.map((factory) => passwordFault(factory, field));
}
