/**
 * CRC-32C (Castagnoli), the checksum that pg_basebackup writes by default. node:zlib has only the other polynomial. Eight
 * bytes a step through eight tables ("slicing-by-8"). Source: RFC 3720 appendix B.4; PostgreSQL src/include/port/pg_crc32c.h.
 */

const POLYNOMIAL = 0x82f63b78;

/** tables[k * 256 + byte]: what this byte contributes when k zero bytes follow it. */
const TABLES = makeTables();

function makeTables(): Uint32Array {
  const tables = new Uint32Array(8 * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let value = byte;
    for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
    tables[byte] = value;
  }
  for (let index = 256; index < tables.length; index += 1) {
    const previous = tables[index - 256] as number;
    tables[index] = (previous >>> 8) ^ (tables[previous & 0xff] as number);
  }
  return tables;
}

/** The checksum of `bytes` after those whose checksum is `previous`; unsigned 32 bits, 0 for nothing at all. */
export function crc32c(bytes: Uint8Array, previous = 0): number {
  const t = TABLES;
  const end = bytes.length;
  const wholeEnd = end - (end % 8);
  let crc = ~previous;
  let at = 0;
  // `as number`: the tables have 2,048 entries and every index is below that.
  for (; at < wholeEnd; at += 8) {
    const low =
      crc ^
      ((bytes[at] as number) |
        ((bytes[at + 1] as number) << 8) |
        ((bytes[at + 2] as number) << 16) |
        ((bytes[at + 3] as number) << 24));
    crc =
      (t[1792 + (low & 0xff)] as number) ^
      (t[1536 + ((low >>> 8) & 0xff)] as number) ^
      (t[1280 + ((low >>> 16) & 0xff)] as number) ^
      (t[1024 + (low >>> 24)] as number) ^
      (t[768 + (bytes[at + 4] as number)] as number) ^
      (t[512 + (bytes[at + 5] as number)] as number) ^
      (t[256 + (bytes[at + 6] as number)] as number) ^
      (t[bytes[at + 7] as number] as number);
  }
  for (; at < end; at += 1) crc = (crc >>> 8) ^ (t[(crc ^ (bytes[at] as number)) & 0xff] as number);
  return ~crc >>> 0;
}

/** The four bytes as a backup manifest writes them: hexadecimal, lowest byte first. */
export function crc32cHex(value: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes.toString('hex');
}
