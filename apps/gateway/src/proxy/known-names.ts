/** Names that are remembered, and how long they may be: what more there is, somebody makes up. */
const MAX_KNOWN = 512;
const MAX_LENGTH = 64;

/** Remembers what a question about names of fields was answered with: few names are ever sent. */
export function forKnownNames(ask: (name: string) => boolean): (name: string) => boolean {
  const known = new Map<string, boolean>();
  return (name) => {
    const found = known.get(name);
    if (found !== undefined) return found;
    const answer = ask(name);
    if (known.size < MAX_KNOWN && name.length <= MAX_LENGTH) known.set(name, answer);
    return answer;
  };
}
