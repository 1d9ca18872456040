/** The name of a backup: the moment at which it began, as the clock of the Barman host showed it. */

const BACKUP_ID = /^\d{8}T\d{6}$/;

/** True for the shape `YYYYMMDDThhmmss`; only such a text may ever become part of a path. */
export function isBackupId(text: string): boolean {
  return BACKUP_ID.test(text);
}
