/** An open file to send; `sendWal` closes it. */
export interface WalSource {
  readonly path: string;
  readonly name: string;
  readonly descriptor: number;
  /** Bytes. */
  readonly size: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Nanoseconds since 1970. */
  readonly mtimeNs: bigint;
  /** Device and inode: tells a file from a later one of the same name. */
  readonly identity: string;
}
