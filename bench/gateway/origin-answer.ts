/** Size of the origin's answer, as in the published comparisons of gateways. */
const ANSWER_BYTES = 1_089;

/** A JSON document of exactly 1,089 bytes, without characters that a configuration file would have to escape. */
export function originAnswer(): string {
  const empty = JSON.stringify({ success: true, data: { id: 'origin', text: '' } });
  const text = 'abcdefghijklmnop '.repeat(100).slice(0, ANSWER_BYTES - empty.length);
  return JSON.stringify({ success: true, data: { id: 'origin', text } });
}
