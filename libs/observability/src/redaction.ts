import { remembered } from '@nexus/kernel';

/** Stands where a secret was. */
export const REDACTED = '[REDACTED]';

const SECRET_KEY =
  /passw|passphrase|passcode|pwd$|secret|token|authoriz|cookie|credential|apikey|accesskey|privatekey|signingkey|encryptionkey|masterkey|bearer|jwt$|otp$|otpcode$|recoverycode|mfacode|signature|hmac$/;
/** Names that contain a word of the list and hold nothing secret. */
const HARMLESS_KEY = /^(tokentype|tokensleft|tokenexpiresin|tokenexpiresat|tokencount|maxtokens)$/;
const NO_WORD = /[^a-z0-9]/g;
const KNOWN_KEYS = { entries: 4_096, length: 64 };

/** True when a value under this name must not be logged, however the name is written (`X-API-Key`, `refreshToken`). */
export const isSecretKey = remembered((name) => {
  const lower = name.slice(0, 256).toLowerCase();
  const last = lower.slice(lower.lastIndexOf('.') + 1).replace(NO_WORD, '');
  return last === 'pin' || (SECRET_KEY.test(lower.replace(NO_WORD, '')) && !HARMLESS_KEY.test(last));
}, KNOWN_KEYS);

/**
 * Confirms what {@link look} noticed. Every repetition is bounded, here and below, so that hostile text costs no more
 * than linear time.
 */
const SUSPECT =
  /eyJ|nx_|bearer|basic\s|:\/\/|[?&#][^=&#\s]{1,64}=|passw|passphrase|pwd|secret|token|api.?key|authoriz|cookie|credential|\$argon2|\$2[aby]\$|\$scrypt|\$pbkdf2|PRIVATE KEY/i;

/** 32 random bytes in base64url, the least that the platform makes a bearer secret of. */
const OPAQUE_LENGTH = 43;

/** Letters 1–26, `_` 27, signs that begin something 28, other characters 0; 32 is added where runs go on. */
const CLASS = new Uint8Array(128);
/** Three classes of 5 bits each: the first three characters of every word in {@link SUSPECT}. */
const TRIGGER = new Uint8Array(1 << 15);
const RUN_CHARACTER = 32;
const SIGN = 28;
for (let code = 0; code < 128; code++) {
  const character = String.fromCharCode(code);
  if (/[a-z]/i.test(character)) CLASS[code] = (code & 31) | RUN_CHARACTER;
  else if (character === '_') CLASS[code] = 27 | RUN_CHARACTER;
  else if (/[\d.-]/.test(character)) CLASS[code] = RUN_CHARACTER;
  else if (/[?&#$]/.test(character)) CLASS[code] = SIGN;
}
for (const start of 'eyj nx_ bea bas pas pwd sec tok aut coo cre pri'.split(' ')) {
  let index = 0;
  for (let i = 0; i < 3; i++) index = (index << 5) | ((CLASS[start.charCodeAt(i)] as number) & 31);
  TRIGGER[index] = 1;
}
const API = (1 << 10) | (16 << 5) | 9;
const COLON = 58;
const SLASH = 47;
const QUOTE = 34;
const BACKSLASH = 92;
const OPEN_BRACKET = 91;

const CLEAN = 0;
const UNESCAPED = 1;
const NOTICED = 2;
const LONG_RUN = 4;

/**
 * One pass over the text, a few instructions per character: most of what is logged holds nothing that regular
 * expressions would have to look for. Says what there is: characters that JSON escapes (or a bracket, which shows that
 * something was taken out before), words that may announce a secret, a run of characters as long as a random token.
 */
function look(text: string): number {
  let found = CLEAN;
  let window = 0;
  let run = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 127) {
      found |= UNESCAPED;
      window = 0;
      run = 0;
      continue;
    }
    const kind = CLASS[code] as number;
    window = ((window << 5) | (kind & 31)) & 0x7fff;
    if ((kind & RUN_CHARACTER) !== 0) {
      if (++run === OPAQUE_LENGTH) found |= LONG_RUN;
      // `/api/` is in every path.
      if (TRIGGER[window] === 1 || (window === API && text.charCodeAt(i + 1) !== SLASH)) found |= NOTICED;
      continue;
    }
    run = 0;
    if (kind === SIGN) found |= NOTICED;
    else if (code === COLON) {
      if (text.charCodeAt(i + 1) === SLASH) found |= NOTICED;
    } else if (code < 32 || code === QUOTE || code === BACKSLASH || code === OPEN_BRACKET) found |= UNESCAPED;
  }
  return found;
}

/** True when {@link scrub} may change the text; false means that it certainly does not. */
export function isSuspect(text: string): boolean {
  const found = look(text);
  return (found & LONG_RUN) !== 0 || ((found & NOTICED) !== 0 && SUSPECT.test(text));
}

/** True for text that stands for itself in JSON, without brackets, in which {@link scrub} finds nothing. */
export function isPlain(text: string): boolean {
  const found = look(text);
  return found === CLEAN || (found === NOTICED && !SUSPECT.test(text));
}

const PEM = /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|$)/g;
const USER_INFO = /(:\/\/)(?:[^\s:/@"'<>]{0,128}:[^\s"'<>]{0,256}|[^\s/@"'<>?#]{1,256})@/g;
const QUERY_VALUE = /([?&#][\w.~%[\]-]{1,64}=)[^&#\s]+/g;
const HEADER_LINE = /((?:authorization|cookie)["'\\]{0,4}\s{0,4}[:=]\s{0,4})[^\r\n]{1,8192}/gi;
const BEARER = /(bearer\s{1,8})[\w.~+/=-]{6,}/gi;
const BASIC = /(basic\s{1,8})([A-Za-z0-9+/_-]{4,}={0,2})/gi;
const NAMED_VALUE =
  /((?:passw|passphrase|pwd|secret|token|api[ _-]?key|credential)[\w-]{0,24}["'\\]{0,4}\s{0,4}[:=]\s{0,4})("(?:[^"\\]|\\[\s\S]){1,8192}"|\\{1,3}"[^"]{1,8192}"|'[^']{1,8192}'|[^\s&;]+)/gi;
const API_KEY = /nx_[\w.-]{4,}/g;
const HASH = /\$(?:argon2|2[aby]\$|scrypt|pbkdf2)\S{8,}/g;
const RUN = /(?<![\w.-])[\w.-]{20,}/g;
const UUID_END = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
function isOpaque(part: string): boolean {
  return part.length >= OPAQUE_LENGTH && /[a-z]/.test(part) && /[A-Z]/.test(part) && /\d/.test(part);
}

/** RFC 7617: only base64 that holds `user:password`, so that "basic information" stays readable. */
function scrubBasic(match: string, scheme: string, value: string): string {
  return Buffer.from(value, 'base64').includes(':') ? scheme + REDACTED : match;
}

/** JWTs (RFC 7519: base64url JSON, hence `eyJ`), refresh tokens (`sid.generation.mac`) and long random strings. */
function scrubRun(run: string): string {
  const parts = run.split('.');
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i] as string;
    if (isOpaque(part)) return REDACTED;
    const next = parts[i + 1];
    if (next === undefined) break;
    const header = part.indexOf('eyJ');
    if (header >= 0 && part.length - header >= 10) return REDACTED;
    if (/^\d+$/.test(next) && (parts[i + 2]?.length ?? 0) >= 16 && UUID_END.test(part)) return REDACTED;
  }
  return run;
}

/**
 * Takes secrets out of free text: bearer and basic credentials, API keys, JWTs, refresh tokens, private keys, password
 * hashes, passwords in URLs, the values of URL parameters and of `name=value` pairs with a telling name.
 */
export function scrub(text: string): string {
  if (!isSuspect(text)) return text;
  return text
    .replace(PEM, REDACTED)
    .replace(USER_INFO, `$1${REDACTED}@`)
    .replace(HEADER_LINE, `$1${REDACTED}`)
    .replace(BEARER, `$1${REDACTED}`)
    .replace(BASIC, scrubBasic)
    .replace(NAMED_VALUE, `$1${REDACTED}`)
    .replace(API_KEY, REDACTED)
    .replace(HASH, REDACTED)
    .replace(QUERY_VALUE, '$1*')
    .replace(RUN, scrubRun);
}
