/** CRC-32C (Castagnoli), with which PostgreSQL has checked its WAL records since 9.5. */

const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit += 1) value = (value & 1) === 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value;
});

/** What `crc32c` begins with. */
export const CRC_START = 0xffffffff;

/** Goes on with a sum over the bytes from `from` to `to`. */
export function crc32c(sum: number, bytes: Uint8Array, from: number, to: number): number {
  let value = sum;
  for (let at = from; at < to; at += 1) value = (value >>> 8) ^ (TABLE[(value ^ (bytes[at] ?? 0)) & 0xff] ?? 0);
  return value;
}

/** The sum as it is stored. */
export function finishCrc(sum: number): number {
  return (sum ^ CRC_START) >>> 0;
}
