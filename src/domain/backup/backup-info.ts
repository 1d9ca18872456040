/**
 * The record of one base backup, as kept in `meta/<id>-backup.info`. Its fields are the rows of backup-info-fields.ts, the
 * text form is owned by backup-info-file.ts. Source: docs/behaviour/catalog.md 3 and 4.
 */
import { type StoredFields, UNSET_FIELDS } from './backup-info-fields.ts';

export interface BackupInfo extends StoredFields {
  /** Not stored in the file: it comes from the file name. `YYYYMMDDThhmmss`. */
  readonly backupId: string;
}

/** A record with every field unset: what Barman saves first. */
export function emptyBackupInfo(backupId: string): BackupInfo {
  return { backupId, ...UNSET_FIELDS };
}

/** The copy ended: the backup has data, though perhaps not yet all its WAL. */
export function isCopyDone(info: BackupInfo): boolean {
  return info.status === 'DONE' || info.status === 'WAITING_FOR_WALS';
}
