/**
 * The record of a backup as `sync-info` prints it: the keys of backup.info in order, then three more.
 * Source: docs/behaviour/wal.md 11.
 */
import type { BackupInfo } from '../../domain/backup/backup-info.ts';
import { isoTimestamp } from '../../domain/time/timestamp.ts';
import type { JsonObject } from '../output.ts';
import { recordJson } from './backup-record.ts';

export function backupDocument(info: BackupInfo): JsonObject {
  return {
    ...recordJson(info),
    backup_id: info.backupId,
    begin_time_iso: info.beginTime && isoTimestamp(info.beginTime),
    end_time_iso: info.endTime && isoTimestamp(info.endTime),
  };
}
