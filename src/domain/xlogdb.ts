/**
 * One line of `<server>-xlog.db`, the index of the WAL archive. Source: spec wal.md section 2.
 */
export interface WalRecord {
  readonly name: string;
  /** Bytes as stored (compressed, encrypted). */
  readonly size: number;
  /** Modification time of the original file, seconds since 1970 with fraction. */
  readonly time: number;
  readonly compression: string | null;
  readonly encryption: string | null;
}
