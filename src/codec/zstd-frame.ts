/** How zstd frames are put together. Source: RFC 8878, section 3.1. */

const MAGIC = 0xfd2fb528;
/** A block never holds more, bytes. */
const LARGEST_BLOCK = 131_072;

/**
 * The most that these frames can decompress to, bytes, told from the heads of their blocks. What is no frame, or is cut,
 * adds nothing: decompressing it fails.
 */
export function mostContentOf(data: Buffer): number {
  let most = 0;
  let position = 0;
  while (position + 5 <= data.length) {
    const magic = data.readUInt32LE(position);
    if ((magic & 0xfffffff0) >>> 0 === 0x184d2a50) {
      // A frame to be skipped: its length follows the magic number.
      position += 8 + (position + 8 <= data.length ? data.readUInt32LE(position + 4) : 0);
      continue;
    }
    if (magic !== MAGIC) break;
    const descriptor = data[position + 4] ?? 0;
    position += 5 + headerLength(descriptor);
    let isLast = false;
    while (!isLast && position + 3 <= data.length) {
      const block = data.readUIntLE(position, 3);
      isLast = (block & 1) === 1;
      const isRepeated = ((block >> 1) & 3) === 1;
      position += 3 + (isRepeated ? 1 : block >> 3);
      most += LARGEST_BLOCK;
    }
    if ((descriptor & 4) !== 0) position += 4;
  }
  return most;
}

/** Bytes between the descriptor and the first block: window, dictionary, size of the content. */
function headerLength(descriptor: number): number {
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const dictionary = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const size = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  return (isSingleSegment ? 0 : 1) + dictionary + size;
}
