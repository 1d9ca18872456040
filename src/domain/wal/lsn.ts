/**
 * Log sequence numbers: byte positions in the WAL stream, as PostgreSQL prints them (`16/B374D848`).
 * Source: PostgreSQL documentation, "pg_lsn Type".
 */

declare const lsnBrand: unique symbol;
/** A byte position in the WAL stream, 0 .. 2^64-1. */
export type Lsn = bigint & { readonly [lsnBrand]: true };

const LSN_TEXT = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/;

/** Reads `X/X`; undefined when the text is not an LSN. */
export function parseLsn(text: string): Lsn | undefined {
  const match = LSN_TEXT.exec(text.trim());
  if (!match) return undefined;
  return ((BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`)) as Lsn;
}

/** PostgreSQL's `%X/%X` spelling: upper case, no leading zeros. */
export function formatLsn(lsn: Lsn): string {
  const high = (lsn >> 32n).toString(16).toUpperCase();
  const low = (lsn & 0xffffffffn).toString(16).toUpperCase();
  return `${high}/${low}`;
}

/** Brands a byte position. */
export function lsn(bytes: bigint): Lsn {
  return bytes as Lsn;
}
