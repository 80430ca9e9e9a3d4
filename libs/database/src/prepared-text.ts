import { createHash } from 'node:crypto';

/**
 * What keeps a statement from sharing a connection: it writes, or takes locks others may hold for long, or has an
 * effect that must not happen twice. A word in a comment or a literal counts too; that costs a little speed only.
 */
const MORE_THAN_READS =
  /\b(?:insert|update|delete|merge|into|share|call|copy|lock|nextval|setval|set_config|lo_\w+|dblink\w*|pg_\w*(?:advisory|sleep|notify|terminate|cancel|logical|snapshot|stat_reset)\w*)\b/i;
const STARTS_AS_READ = /^[\s(]*(?:select|with|values|table)\b/i;

function message(code: string, ...body: readonly (string | Buffer)[]): Buffer {
  const content = Buffer.concat(body.map((part) => (typeof part === 'string' ? Buffer.from(`${part}\0`) : part)));
  const head = Buffer.alloc(5);
  head.write(code, 0, 'latin1');
  head.writeInt32BE(content.length + 4, 1);
  return Buffer.concat([head, content]);
}

/** A statement's fixed text with the parts of its messages that never change. */
export class PreparedText {
  /** Name on the server: stable over processes, within PostgreSQL's 63 bytes. */
  readonly name: string;
  /** Whether it only reads, and so may share a connection and be run a second time. */
  readonly reads: boolean;
  /**
   * `Close`, `Parse` and `Describe` of the statement. Closing first makes it right whether or not the server has the
   * name: to close what is not there is no error.
   */
  readonly opening: Buffer;
  /** The unnamed portal and the statement's name: how every `Bind` of it starts. */
  readonly target: Buffer;

  constructor(readonly text: string) {
    this.name = `nx_${createHash('sha256').update(text).digest('base64url').slice(0, 24)}`;
    this.reads = STARTS_AS_READ.test(text) && !MORE_THAN_READS.test(text);
    const statement = `S${this.name}`;
    this.opening = Buffer.concat([
      message('C', statement),
      message('P', this.name, text, Buffer.from([0, 0])),
      message('D', statement),
    ]);
    this.target = Buffer.from(`\0${this.name}\0`);
  }
}

const texts = new Map<string, PreparedText>();

/** The one {@link PreparedText} of a text. */
export function preparedText(text: string): PreparedText {
  let known = texts.get(text);
  if (!known) {
    known = new PreparedText(text);
    texts.set(text, known);
  }
  return known;
}
