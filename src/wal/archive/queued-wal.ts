/** A file of a queue, opened and looked at. */
import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { WalFile } from '../../domain/wal/wal.ts';
import type { StoredForm } from '../../domain/wal/wal-content.ts';

export interface QueuedWal {
  readonly file: WalFile;
  readonly path: string;
  readonly handle: FileHandle;
  readonly stats: BigIntStats;
  readonly form: StoredForm;
}
