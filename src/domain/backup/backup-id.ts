/** The name of a backup: the moment at which it began, as the clock of the Barman host showed it. */
import { civilTime, epochOf } from '../time/civil-time.ts';
import { localMoments, localOffset } from '../time/local-time.ts';

const BACKUP_ID = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})$/;

/** True for the shape `YYYYMMDDThhmmss`; only such a text may ever become part of a path. */
export function isBackupId(text: string): boolean {
  return BACKUP_ID.test(text);
}

/**
 * Seconds since 1970 at which an id was claimed, if this host still has the zone it had then. Of the hour that comes twice
 * it is the second one, unless that is still to come.
 */
export function momentOfId(backupId: string, now: Date): number {
  const [, ...parts] = BACKUP_ID.exec(backupId) ?? [];
  const time = civilTime(...parts);
  const moments = localMoments(time);
  const past = moments.findLast((moment) => moment <= now.getTime()) ?? moments[0];
  return (past ?? epochOf(time) - localOffset(time) * 60_000) / 1000;
}
