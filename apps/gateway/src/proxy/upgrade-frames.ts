import { randomBytes } from 'node:crypto';

/** Opcode of a Close frame (RFC 6455 §5.5.1). */
const CLOSE = 8;
/** Longest head of a frame: two bytes, a length of eight and a key of four. */
const MAX_HEAD = 14;

/** Bytes of a frame's head, as far as its first bytes tell (RFC 6455 §5.2). */
function headLength(head: Uint8Array, have: number): number {
  if (have < 2) return 2;
  const second = head[1] as number;
  const length = second & 0x7f;
  return 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + (second & 0x80 ? 4 : 0);
}

function payloadLength(head: Buffer): number {
  const length = (head[1] as number) & 0x7f;
  if (length === 126) return head.readUInt16BE(2);
  return length === 127 ? head.readUInt32BE(2) * 2 ** 32 + head.readUInt32BE(6) : length;
}

/** Follows the frames of one direction of a WebSocket connection by their heads alone; what is in them is not read. */
export class FrameTracker {
  private readonly head = Buffer.alloc(MAX_HEAD);
  private have = 0;
  private left = 0;
  private closing = false;
  /** A whole Close frame has passed: nothing but the end of the connection comes after it. */
  isClosed = false;

  /** Nothing of a frame has come without the rest. */
  get atBoundary(): boolean {
    return this.have === 0 && this.left === 0;
  }

  /**
   * Looks at the next bytes.
   * @param toBoundary stops where a frame ends
   * @returns how many of them it has looked at
   */
  advance(chunk: Buffer, toBoundary = false): number {
    let at = 0;
    while (at < chunk.length) {
      if (this.left > 0) {
        const taken = Math.min(this.left, chunk.length - at);
        this.left -= taken;
        at += taken;
      } else at = this.takeHead(chunk, at);
      if (!this.atBoundary) continue;
      if (this.closing) this.isClosed = true;
      if (toBoundary) return at;
    }
    return at;
  }

  private takeHead(chunk: Buffer, from: number): number {
    let at = from;
    while (at < chunk.length) {
      this.head[this.have++] = chunk[at++] as number;
      if (this.have < headLength(this.head, this.have)) continue;
      this.left = payloadLength(this.head);
      this.closing ||= ((this.head[0] as number) & 0x0f) === CLOSE;
      this.have = 0;
      return at;
    }
    return at;
  }
}

/**
 * A Close frame (RFC 6455 §5.5.1).
 * @param code why, e.g. 1001: the other side goes away (§7.4.1)
 * @param masked as a client sends it (§5.3)
 */
export function closeFrame(code: number, masked: boolean): Buffer {
  const payload = Buffer.alloc(2);
  payload.writeUInt16BE(code);
  if (!masked) return Buffer.concat([Buffer.from([0x80 | CLOSE, payload.length]), payload]);
  const key = randomBytes(4);
  for (const [i, byte] of payload.entries()) payload[i] = byte ^ (key[i % 4] as number);
  return Buffer.concat([Buffer.from([0x80 | CLOSE, 0x80 | payload.length]), key, payload]);
}
