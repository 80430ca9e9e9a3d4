const BLOCK = 512;

/** A field of a tar header: text up to the first zero byte. */
function field(header: Uint8Array, offset: number, length: number): string {
  const bytes = header.subarray(offset, offset + length);
  const end = bytes.indexOf(0);
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString('latin1');
}

/**
 * The content of one file of a tar archive, as npm packs them: POSIX ustar, blocks of 512 bytes, a header and then the
 * content (https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html).
 * @returns undefined when the archive does not hold it
 */
export function fileInTar(tar: Uint8Array, name: string): Uint8Array | undefined {
  let at = 0;
  while (at + BLOCK <= tar.length) {
    const header = tar.subarray(at, at + BLOCK);
    const [prefix, own] = [field(header, 345, 155), field(header, 0, 100)];
    const size = Number.parseInt(field(header, 124, 12).trim(), 8);
    if (own === '' || !Number.isInteger(size)) return undefined;
    const start = at + BLOCK;
    if ((prefix ? `${prefix}/${own}` : own) === name) return tar.subarray(start, start + size);
    at = start + Math.ceil(size / BLOCK) * BLOCK;
  }
  return undefined;
}
