import { plainLine } from '../markup/plain-line.js';
import { type ComposedMail, composeMail } from './mail-layout.js';

/** What {@link passwordChangedMail} says. */
export interface PasswordChangedFacts {
  readonly email: string;
  /** Address that asked for the change, where it is known. */
  readonly address: string | null;
  readonly changedAt: Date;
  /** Address of the platform, without a trailing slash. */
  readonly publicUrl: string;
}

/** To the owner of an account whose password is a new one. */
export function passwordChangedMail({ email, address, changedAt, publicUrl }: PasswordChangedFacts): ComposedMail {
  const [day = '', time = ''] = changedAt.toISOString().split('T');
  return composeMail({
    template: 'password_changed',
    subject: 'Your Nexus password was changed',
    preview: 'If this was you, there is nothing to do.',
    heading: 'Your password was changed',
    paragraphs: [
      'The password of your account is a new one now. All your other sessions have ended.',
      'If this was you, there is nothing to do. If not, set a new password at once and tell your administrator: somebody else knew your password or can read your mail.',
    ],
    facts: [
      ['Account', plainLine(email, 254)],
      ['When', `${day} ${time.slice(0, 5)} UTC`],
      ...(address === null ? [] : [['From', plainLine(address, 64)] as const]),
    ],
    action: { label: 'Open Nexus', url: `${publicUrl}/docs` },
    reason: 'You get this mail because it is about the security of your account. It cannot be switched off.',
  });
}
