const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const TYPE = new RegExp(`^[ \\t]*(${TOKEN}/${TOKEN})[ \\t]*(?=;|$)`);
const PARAMETER = new RegExp(`;[ \\t]*(?:(${TOKEN})=(?:(${TOKEN})|"((?:[^"\\\\]|\\\\.)*)"))?[ \\t]*`, 'y');
const MAX_LENGTH = 512;

/** A media type (RFC 9110 §8.3.1). */
export interface MediaType {
  /** `type/subtype`, lower case. */
  readonly type: string;
  /** By lower-case name; values as they were sent, unquoted. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** Reads a media type; undefined for what is none. */
export function parseMediaType(text: string | undefined): MediaType | undefined {
  if (text === undefined || text.length > MAX_LENGTH) return undefined;
  const match = TYPE.exec(text);
  if (!match) return undefined;
  const parameters = new Map<string, string>();
  PARAMETER.lastIndex = match[0].length;
  let at = PARAMETER.lastIndex;
  while (at < text.length) {
    const found = PARAMETER.exec(text);
    if (!found) return undefined;
    at = PARAMETER.lastIndex;
    const [, name, token, quoted] = found;
    if (name === undefined) continue;
    const key = name.toLowerCase();
    if (!parameters.has(key)) parameters.set(key, token ?? (quoted as string).replace(/\\(.)/g, '$1'));
  }
  return { type: (match[1] as string).toLowerCase(), parameters };
}

/** What nobody has told anything about. */
export const UNKNOWN_TYPE = 'application/octet-stream';

/**
 * The content type that a file is kept with: the declared one with its charset, or what the first bytes say where
 * nothing useful is declared.
 *
 * @param detected see `detectType`
 */
export function keptContentType(declared: string | undefined, detected: string | undefined): string {
  const media = parseMediaType(declared);
  if (!media || media.type === UNKNOWN_TYPE || media.type.startsWith('multipart/')) return detected ?? UNKNOWN_TYPE;
  const charset = media.parameters.get('charset');
  return charset !== undefined && /^[0-9A-Za-z_.:-]{1,40}$/.test(charset)
    ? `${media.type}; charset=${charset.toLowerCase()}`
    : media.type;
}

interface Signature {
  readonly type: string;
  readonly at: number;
  readonly bytes: readonly Buffer[];
}

const hex = (text: string) => Buffer.from(text, 'hex');
const ascii = (text: string) => Buffer.from(text, 'latin1');
const sign = (type: string, at: number, ...bytes: Buffer[]): Signature => ({ type, at, bytes });

/**
 * First bytes by which the public format descriptions tell a file: PNG (W3C PNG §5.2), JPEG (ITU-T T.81 B.1.1.3),
 * GIF (GIF89a §17), WebP and WAVE (RIFF form types), AVIF and MP4 (ISO/IEC 14496-12 `ftyp`), WebM and Matroska (EBML,
 * RFC 8794), Ogg (RFC 3533), MP3 (ID3v2), FLAC (RFC 9639), PDF (ISO 32000), gzip (RFC 1952), ZIP (APPNOTE 4.3.7).
 */
const SIGNATURES: readonly Signature[] = [
  sign('image/png', 0, hex('89504e470d0a1a0a')),
  sign('image/jpeg', 0, hex('ffd8ff')),
  sign('image/gif', 0, ascii('GIF87a'), ascii('GIF89a')),
  sign('image/webp', 8, ascii('WEBP')),
  sign('audio/wav', 8, ascii('WAVE')),
  sign('image/avif', 4, ascii('ftypavif'), ascii('ftypavis')),
  sign('video/mp4', 4, ascii('ftypisom'), ascii('ftypiso2'), ascii('ftypmp41'), ascii('ftypmp42'), ascii('ftypavc1')),
  sign('audio/mp4', 4, ascii('ftypM4A ')),
  sign('video/webm', 0, hex('1a45dfa3')),
  sign('application/ogg', 0, ascii('OggS')),
  sign('audio/mpeg', 0, ascii('ID3'), hex('fffb'), hex('fff3'), hex('fff2')),
  sign('audio/flac', 0, ascii('fLaC')),
  sign('application/pdf', 0, ascii('%PDF-')),
  sign('application/gzip', 0, hex('1f8b08')),
  sign('application/zip', 0, hex('504b0304'), hex('504b0506')),
];

/** How many bytes {@link detectType} looks at. */
export const DETECTED_BYTES = 16;

/** What the first bytes of a file say it is; undefined when they say nothing. */
export function detectType(head: Buffer): string | undefined {
  for (const { type, at, bytes } of SIGNATURES) {
    if (at === 8 && !head.subarray(0, 4).equals(ascii('RIFF'))) continue;
    if (bytes.some((magic) => head.subarray(at, at + magic.length).equals(magic))) return type;
  }
  return undefined;
}
