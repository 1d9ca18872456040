/** What a base backup is to a restore, however its files are kept: known in full before the first byte is copied. */
import type { PlannedTablespace } from '../plan.ts';
import type { Demand } from '../room.ts';
import type { CopyRun, Tree } from './copy.ts';

export interface BaseBackup {
  /** Bytes. */
  readonly size: number;
  /** What it will take, by directory. */
  readonly demands: readonly Demand[];
  /** Its files one by one; null where only tar can tell. */
  readonly trees: BackupTrees | null;
  readonly copyTablespace: (tablespace: PlannedTablespace, run: CopyRun) => Promise<void>;
  /** PGDATA, the control file under its held name. */
  readonly copyData: (run: CopyRun) => Promise<void>;
  /** What was copied is on disk already. */
  readonly isFlushed: boolean;
}

export interface BackupTrees {
  readonly data: Tree;
  /** By oid. */
  readonly tablespaces: ReadonlyMap<number, Tree>;
}
