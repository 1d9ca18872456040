/** Where everything of one server is. Source: docs/behaviour/catalog.md 1. */
import { join } from 'node:path';
import type { GlobalConfig, ServerConfig } from '../config/options.ts';
import { BackupError } from '../domain/errors.ts';
import { formatLocation, isObject, type Location } from '../domain/location.ts';
import { isBackupId } from '../domain/backup/backup-id.ts';

export interface CatalogLayout {
  readonly server: string;
  readonly backupDirectory: string;
  readonly base: Location;
  /** Of `base` when that is a directory; where it is a bucket, a path at which nothing is. */
  readonly baseDirectory: string;
  readonly metaDirectory: string;
  readonly wals: Location;
  /** Of `wals`, in the same way. */
  readonly walsDirectory: string;
  readonly incomingDirectory: string;
  readonly streamingDirectory: string;
  readonly errorsDirectory: string;
  readonly lockDirectory: string;
  readonly xlogdb: string;
  /** `wals/xlog.db` of releases before 3.13. */
  readonly legacyXlogdb: string;
  readonly identity: string;
  /** Ours: of which systems the archived WAL is, as far as it was looked at. It may go at any time. */
  readonly walSystems: string;
}

export function catalogLayout(global: GlobalConfig, config: ServerConfig): CatalogLayout {
  const metaDirectory = join(config.backupDirectory, 'meta');
  // An index cannot live in object storage.
  const xlogdbDirectory = isObject(config.xlogdbDirectory) ? metaDirectory : config.xlogdbDirectory.path;
  const walsDirectory = formatLocation(config.walsDirectory);
  return {
    server: config.name,
    backupDirectory: config.backupDirectory,
    base: config.basebackupsDirectory,
    baseDirectory: formatLocation(config.basebackupsDirectory),
    metaDirectory,
    wals: config.walsDirectory,
    walsDirectory,
    incomingDirectory: config.incomingWalsDirectory,
    streamingDirectory: config.streamingWalsDirectory,
    errorsDirectory: config.errorsDirectory,
    lockDirectory: global.barmanLockDirectory,
    xlogdb: join(xlogdbDirectory, `${config.name}-xlog.db`),
    legacyXlogdb: join(walsDirectory, 'xlog.db'),
    identity: join(config.backupDirectory, 'identity.json'),
    walSystems: join(metaDirectory, 'wal-systems.json'),
  };
}

/** True when base backups or WAL are objects in a bucket. */
export function usesObjectStorage({ base, wals }: Pick<CatalogLayout, 'base' | 'wals'>): boolean {
  return isObject(base) || isObject(wals);
}

/** `base/<id>`. @throws BackupError for a text that is no backup id: it must never become a path */
export function backupPath(layout: CatalogLayout, backupId: string): string {
  return join(layout.baseDirectory, safeId(backupId));
}

const IMPORT = '.import-';

/** `base/.import-<id>`: where an import gathers a backup until all of it is judged. */
export function importPath(layout: CatalogLayout, backupId: string): string {
  return join(layout.baseDirectory, `${IMPORT}${safeId(backupId)}`);
}

/** The id when a name in `base/` is that of an import of ours; Barman's end with random letters. */
export function importedId(name: string): string | undefined {
  const backupId = name.startsWith(IMPORT) ? name.slice(IMPORT.length) : '';
  return isBackupId(backupId) ? backupId : undefined;
}

/** `base/<id>/data`. */
export function dataPath(layout: CatalogLayout, backupId: string): string {
  return join(backupPath(layout, backupId), 'data');
}

/** `base/<id>/<oid>`: a tablespace. */
export function tablespacePath(layout: CatalogLayout, backupId: string, oid: number): string {
  return join(backupPath(layout, backupId), String(oid));
}

/** `meta/<id>-backup.info`: where records are written. */
export function infoPath(layout: CatalogLayout, backupId: string): string {
  return join(layout.metaDirectory, `${safeId(backupId)}-backup.info`);
}

/** `base/<id>/backup.info`: where releases before 3.13.2 wrote it. */
export function legacyInfoPath(layout: CatalogLayout, backupId: string): string {
  return join(backupPath(layout, backupId), 'backup.info');
}

/** `meta/<id>-keep` and `meta/<id>-delete_this`. */
export function annotationPath(layout: CatalogLayout, backupId: string, key: 'keep' | 'delete_this'): string {
  return join(layout.metaDirectory, `${safeId(backupId)}-${key}`);
}

export type ServerActivity = 'cron' | 'backup' | 'archive-wal' | 'receive-wal' | 'xlogdb' | 'sync-wal';

/** `.<server>-<activity>.lock`. */
export function serverLock(layout: CatalogLayout, activity: ServerActivity): string {
  return join(layout.lockDirectory, `.${layout.server}-${activity}.lock`);
}

/** `.<server>-<id>.lock`: one backup. */
export function backupLock(layout: CatalogLayout, backupId: string): string {
  return join(layout.lockDirectory, `.${layout.server}-${safeId(backupId)}.lock`);
}

function safeId(backupId: string): string {
  if (!isBackupId(backupId)) throw new BackupError(`'${backupId}' is not a backup id (YYYYMMDDThhmmss)`);
  return backupId;
}
