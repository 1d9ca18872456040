/** Short-hand records for tests of pure rules. */
import { type BackupInfo, emptyBackupInfo } from '../../src/domain/backup/backup-info.ts';
import { parseTimestamp } from '../../src/domain/time/timestamp.ts';
import { parseWalName } from '../../src/domain/wal/wal.ts';

/** `20261103T040000` for day 3. */
export function idOfDay(day: number): string {
  return `202611${String(day).padStart(2, '0')}T040000`;
}

/** A DONE postgres backup of that day of November 2026, ended at 05:00 UTC. */
export function backupOfDay(day: number, changes: Partial<BackupInfo> = {}): BackupInfo {
  const id = idOfDay(day);
  const endTime = parseTimestamp(`2026-11-${String(day).padStart(2, '0')} 05:00:00+00:00`) ?? null;
  return {
    ...emptyBackupInfo(id),
    serverName: 'pg',
    mode: 'postgres',
    status: 'DONE',
    timeline: 1,
    endTime,
    ...changes,
  };
}

/** Begin and end segment, with the timeline they are on. */
export function spanning(beginWal: string, endWal: string): Partial<BackupInfo> {
  return { beginWal, endWal, timeline: parseWalName(beginWal)?.timeline ?? null };
}
