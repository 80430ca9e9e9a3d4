import { StringDecoder } from 'node:string_decoder';

/** Cuts a stream of bytes into lines of UTF-8 text, of which none may be longer than `max` characters. */
export class LineReader {
  private readonly decoder = new StringDecoder('utf8');
  private rest = '';

  constructor(private readonly max: number) {}

  /** The lines that these bytes complete. @throws Error when a line is too long */
  read(chunk: Buffer): string[] {
    const lines = (this.rest + this.decoder.write(chunk)).split('\n');
    this.rest = lines.pop() ?? '';
    if (this.rest.length > this.max || lines.some((line) => line.length > this.max))
      throw new Error('A line is too long');
    return lines;
  }
}
