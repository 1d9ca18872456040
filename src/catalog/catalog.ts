/**
 * barman_home as one API: the only code that knows where things are. Reads are safe beside a running Barman of either
 * make; every write is durable when its promise resolves. Source: docs/behaviour/catalog.md.
 */
import type { BackupFlaws } from '../domain/backup/backup-flaw.ts';
import type { BackupInfo } from '../domain/backup/backup-info.ts';
import type { WalRecord } from '../domain/wal/xlogdb.ts';
import type { WalStore } from '../storage/wal-store.ts';
import type { CatalogLayout } from './layout.ts';

export type KeepTarget = 'full' | 'standalone';

/** A record that is there and cannot be read: zero bytes, cut, unknown field. It always counts as needed. */
export interface DamagedBackup {
  readonly backupId: string;
  readonly path: string;
  readonly reason: string;
}

export interface CatalogListing {
  /** Readable records in order (backup-order.ts), oldest first, whatever their status. */
  readonly backups: readonly BackupInfo[];
  readonly damaged: readonly DamagedBackup[];
}

export interface Identity {
  readonly systemid: string;
  readonly version: string | null;
}

/** What a rebuild of xlog.db has listed, by kind. */
export interface RebuildCounts {
  readonly history: number;
  readonly labels: number;
  readonly segments: number;
  /** Files and directories that could not be read: what they hold is not listed. */
  readonly unread: number;
}

export interface Catalog {
  readonly layout: CatalogLayout;

  /** Creates every missing directory of the server. @throws BarmanError with `PATH: reason` */
  createDirectories(): Promise<void>;

  /** All backups. Cached for the life of this object until a save or a removal. */
  listBackups(): Promise<CatalogListing>;
  /** The finished backups that cannot be restored from what is on disk now; kept as long as the listing. */
  flaws(): Promise<BackupFlaws>;
  /** Ids of all records in the order in which their directories list them, which is that of `sync-info`. */
  recordOrder(): readonly string[];
  /** One record read afresh from disk; undefined when it does not exist. @throws BackupError when it is damaged */
  getBackup(backupId: string): Promise<BackupInfo | undefined>;
  /** Writes `meta/<id>-backup.info` durably. @throws BackupError rather than overwrite a damaged record */
  saveBackup(info: BackupInfo): Promise<void>;
  /**
   * Claims a new id (local time of `now`, a later second when that one is taken) by creating `base/<id>` exclusively,
   * then saves the record that `build` makes for it.
   */
  createBackup(now: Date, build: (backupId: string) => BackupInfo): Promise<BackupInfo>;
  /** Removes the record itself, in `meta/` and at its old place: the last step of a delete. Gone already is no failure. */
  removeRecord(backupId: string): Promise<void>;

  /** The keep annotation; an empty or unreadable one counts as 'full'. Moves an old-style one to meta/. */
  keepOf(backupId: string): Promise<KeepTarget | null>;
  setKeep(backupId: string, target: KeepTarget): Promise<void>;
  releaseKeep(backupId: string): Promise<void>;

  /** The note `delete_this`: a delete is at work, or was cut short. */
  isMarkedForDelete(backupId: string): Promise<boolean>;
  markForDelete(backupId: string): Promise<void>;
  unmarkForDelete(backupId: string): Promise<void>;

  /** null when there is none or it is empty. @throws BackupError when it is damaged */
  readIdentity(): Promise<Identity | null>;
  /** Writes identity.json once; does nothing when it exists. */
  writeIdentity(identity: Identity): Promise<void>;

  /**
   * One streamed pass over xlog.db in file order, under its lock; builds the file first when it is missing, and repairs a
   * torn last line. Stops when `visit` returns false. A line may come twice. `visit` must not use this catalog's WAL
   * functions: they would wait for the lock. Segments whose name sorts before `from` are passed over unread. With `at` the
   * pass begins at that byte when a line of that name begins there, else at the beginning. `visit` also gets the byte at
   * which the line begins. @throws WalError with the rebuild-xlogdb hint for a bad line
   */
  readWals(
    visit: (record: WalRecord, position: number) => boolean | void,
    options?: { readonly from?: string; readonly at?: { readonly name: string; readonly position: number } },
  ): Promise<void>;
  /** Appends lines under the lock and flushes the file. On failure none of them is there. */
  appendWals(records: readonly WalRecord[]): Promise<void>;
  /**
   * Puts lines among the others in the order of names, and flushes the file. A name that is listed already keeps its line.
   * The files must be in the archive and on disk.
   */
  mergeWals(records: readonly WalRecord[]): Promise<void>;
  /**
   * Deletes the archived files whose record `isObsolete` accepts and takes them out of xlog.db (history files are never
   * asked about); the verdict must depend on the name alone. Only named files are unlinked; a hash directory goes by rmdir
   * when empty. A file that is already gone is no failure. `before`/`after` run around each file (hooks), under the lock;
   * when one throws, the files that are gone leave xlog.db all the same. `gone` is told of each file that is not there any
   * more, also when the removal fails later. Returns the removed records in order.
   */
  removeWals(
    isObsolete: (record: WalRecord) => boolean,
    hooks?: {
      before?: (record: WalRecord) => Promise<void>;
      after?: (record: WalRecord) => Promise<void>;
      gone?: (record: WalRecord) => void;
    },
  ): Promise<readonly WalRecord[]>;
  /** Takes the lines of a file out of xlog.db and flushes that; the file stays, for the caller to replace. */
  unlistWal(name: string): Promise<void>;
  /** True when xlog.db exists with content. */
  hasWals(): Promise<boolean>;
  /**
   * Rebuilds xlog.db from the files of the archive, under its lock. What is no archived WAL file, is empty or cannot be
   * read is left out with a warning that names it.
   */
  rebuildXlogdb(): Promise<RebuildCounts>;

  /** The archived WAL files themselves, whatever the index says of them; no lock is held. */
  readonly walStore: WalStore;
}

/** Where a catalog says what the administrator should know; `log` is for the log alone. */
export interface Notify {
  warning(text: string): void;
  log?(text: string): void;
}
