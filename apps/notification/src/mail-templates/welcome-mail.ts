import { plainLine } from '../markup/plain-line.js';
import { type ComposedMail, composeMail } from './mail-layout.js';
import { speakableName } from './salutation.js';

/** What {@link welcomeMail} says. */
export interface WelcomeFacts {
  readonly name: string;
  readonly email: string;
  /** Address of the platform, without a trailing slash. */
  readonly publicUrl: string;
}

/** To a person who has registered. */
export function welcomeMail({ name, email, publicUrl }: WelcomeFacts): ComposedMail {
  const known = speakableName(name);
  return composeMail({
    template: 'welcome',
    subject: 'Welcome to Nexus',
    preview: 'Your account is ready.',
    heading: known === undefined ? 'Welcome to Nexus' : `Welcome, ${known}`,
    paragraphs: [
      'Your account is ready. Create projects, share files with your team, and hear at once when something concerns you.',
      'The API reference shows everything you can do, and lets you try it.',
    ],
    facts: [['Account', plainLine(email, 254)]],
    action: { label: 'Open the API reference', url: `${publicUrl}/docs` },
    reason: 'You get this mail because this address was used to register. If it was not you, you need not do anything.',
  });
}
