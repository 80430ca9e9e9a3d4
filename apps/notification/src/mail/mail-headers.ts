import type { OutgoingMail } from './mail-transport.port.js';
import type { Mailbox } from './mailbox.js';

/** Identifies a delivery to whoever receives it, at every attempt alike (RFC 5322 §3.6.4). */
export function messageId(mail: OutgoingMail, from: Mailbox): string {
  return `<${mail.id}@${from.address.slice(from.address.lastIndexOf('@') + 1)}>`;
}

/** Headers that every mail carries besides its addresses: no machine shall answer it (RFC 3834 §5). */
export const FIXED_HEADERS: Readonly<Record<string, string>> = {
  'Auto-Submitted': 'auto-generated',
  'X-Auto-Response-Suppress': 'All',
};
