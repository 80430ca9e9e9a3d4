/** One request of a plan. Texts may hold `{{counter}}`, which is replaced by twelve digits that differ on every send. */
export interface RequestSpec {
  method: string;
  path: string;
  headers: Record<string, string>;
  /** Sent as it is; Content-Length is added. */
  body?: string;
}

const PLACEHOLDER = '{{counter}}';
const COUNTER_DIGITS = 12;
const ZERO = 48;

/**
 * A request as bytes, ready to send. The counter has a fixed width, so only its digits are rewritten between sends and
 * nothing is allocated. One instance belongs to one connection, because the bytes are changed in place.
 */
export class RequestTemplate {
  readonly bytes: Buffer;
  readonly #counterOffsets: number[] = [];

  constructor(spec: RequestSpec, authority: string) {
    const body = Buffer.from(withMark(spec.body ?? ''), 'utf8');
    const lines = [`${spec.method} ${spec.path} HTTP/1.1`, `Host: ${authority}`];
    for (const [name, value] of Object.entries(spec.headers)) lines.push(`${name}: ${value}`);
    if (spec.body !== undefined) lines.push(`Content-Length: ${body.length}`);
    const head = withMark(`${lines.join('\r\n')}\r\n\r\n`);
    this.bytes = Buffer.concat([Buffer.from(head, 'latin1'), body]);
    for (let at = this.bytes.indexOf(MARK); at >= 0; at = this.bytes.indexOf(MARK, at + COUNTER_DIGITS)) {
      this.#counterOffsets.push(at);
    }
    this.fill(0);
  }

  /** Writes `counter` (an integer from 0, modulo 10^12) into every placeholder. */
  fill(counter: number): void {
    for (const offset of this.#counterOffsets) {
      let rest = counter;
      for (let digit = offset + COUNTER_DIGITS - 1; digit >= offset; digit -= 1) {
        this.bytes[digit] = ZERO + (rest % 10);
        rest = Math.floor(rest / 10);
      }
    }
  }
}

/** Replaces the placeholders of one text of a {@link RequestSpec}, as a template would. */
export function expandCounter(text: string, counter: number): string {
  return text.replaceAll(PLACEHOLDER, String(counter % 10 ** COUNTER_DIGITS).padStart(COUNTER_DIGITS, '0'));
}

/** Stands where the digits go while the bytes are laid out; twelve bytes that no request text contains. */
const MARK = '\x01'.repeat(COUNTER_DIGITS);

function withMark(text: string): string {
  if (text.includes('\x01')) throw new Error('a request text may not contain U+0001');
  return text.replaceAll(PLACEHOLDER, MARK);
}
