/**
 * A question about a text whose answers are remembered: for vocabularies that are small unless somebody makes words up.
 *
 * @param ask its answer depends on the text alone
 * @param limits how many texts are remembered, and how long they may be; what comes beyond is asked each time
 */
export function remembered<A extends boolean | number>(
  ask: (text: string) => A,
  limits: { readonly entries: number; readonly length: number },
): (text: string) => A {
  const known = new Map<string, A>();
  return (text) => {
    const found = known.get(text);
    if (found !== undefined) return found;
    const answer = ask(text);
    if (known.size < limits.entries && text.length <= limits.length) known.set(text, answer);
    return answer;
  };
}
