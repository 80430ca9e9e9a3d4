import { plainLine } from '../markup/plain-line.js';

const MAX_NAME = 60;
/** Whoever registers chooses the name, and whose address it is: a name must not carry an address into a stranger's mailbox. */
const LOOKS_LIKE_A_LINK = /[/\\@]|\p{L}\.\p{L}{2,}|www\./iu;

/** A person's name as a mail may say it; undefined when it is better left out. */
export function speakableName(name: string): string | undefined {
  const line = plainLine(name, MAX_NAME);
  return line === '' || LOOKS_LIKE_A_LINK.test(line) ? undefined : line;
}
