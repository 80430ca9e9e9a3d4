/** An address, with the name that is shown beside it. */
export interface Mailbox {
  readonly name: string;
  readonly address: string;
}

const MAX_ADDRESS = 254;
const MAX_LOCAL_PART = 64;
/** One local part and one domain; nothing that would end or extend a header, a list or an SMTP command. */
const ADDRESS = /^[^\p{C}\p{Z}<>()[\],;:\\"@]+@[^\p{C}\p{Z}<>()[\],;:\\"@.]+(?:\.[^\p{C}\p{Z}<>()[\],;:\\"@.]+)*$/u;
const NAMED = /^([^<>]*)<([^<>]*)>$/;
const NOT_IN_A_NAME = /[\p{C}\p{Zl}\p{Zp}<>"\\]/u;

/** Whether mail can be sent to this text as it is (a subset of RFC 5321 §4.1.2, with RFC 6531's characters). */
export function isMailAddress(text: string): boolean {
  return text.length <= MAX_ADDRESS && text.indexOf('@') <= MAX_LOCAL_PART && ADDRESS.test(text);
}

/** Reads `Name <address>` or `address`; undefined for anything else. */
export function parseMailbox(text: string): Mailbox | undefined {
  const [, before, inside] = NAMED.exec(text.trim()) ?? [];
  const name = (before ?? '').trim();
  const address = (inside ?? text).trim();
  return isMailAddress(address) && !NOT_IN_A_NAME.test(name) ? { name, address } : undefined;
}
