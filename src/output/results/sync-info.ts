/**
 * The record of a backup as `sync-info` prints it: the keys of backup.info in order, then three more.
 * Source: docs/behaviour/wal.md 11.
 */
import type { BackupInfo, Literal } from '../../domain/backup/backup-info.ts';
import { formatLiteral } from '../../domain/text/python-literal.ts';
import { formatLsn } from '../../domain/wal/lsn.ts';
import { ctime, isoTimestamp } from '../../domain/time/timestamp.ts';
import { JsonFloat } from '../json-float.ts';
import type { Json, JsonObject } from '../output.ts';

export function backupDocument(info: BackupInfo): JsonObject {
  return {
    // compat 3.20.1: the text of the literal, not its value.
    backup_label: info.backupLabel && formatLiteral(info.backupLabel),
    ...(info.backupName === null ? {} : { backup_name: info.backupName }),
    begin_offset: info.beginOffset,
    begin_time: info.beginTime && ctime(info.beginTime),
    begin_wal: info.beginWal,
    begin_xlog: info.beginXlog === null ? null : formatLsn(info.beginXlog),
    children_backup_ids: info.childrenBackupIds && info.childrenBackupIds.join(','),
    cluster_size: info.clusterSize,
    compression: info.compression,
    config_file: info.configFile,
    copy_stats: info.copyStats && copyStats(info.copyStats),
    data_checksums: info.dataChecksums,
    deduplicated_size: info.deduplicatedSize,
    encryption: info.encryption,
    end_offset: info.endOffset,
    end_time: info.endTime && ctime(info.endTime),
    end_wal: info.endWal,
    end_xlog: info.endXlog === null ? null : formatLsn(info.endXlog),
    error: info.error,
    hba_file: info.hbaFile,
    ident_file: info.identFile,
    included_files: info.includedFiles,
    mode: info.mode,
    parent_backup_id: info.parentBackupId,
    pgdata: info.pgdata,
    server_name: info.serverName,
    size: info.size,
    ...(info.snapshotsInfo === null ? {} : { snapshots_info: info.snapshotsInfo }),
    status: info.status,
    summarize_wal: info.summarizeWal,
    systemid: info.systemid,
    tablespaces: info.tablespaces && info.tablespaces.map(({ name, oid, location }) => [name, oid, location]),
    timeline: info.timeline,
    version: info.version,
    xlog_segment_size: info.xlogSegmentSize,
    backup_id: info.backupId,
    begin_time_iso: info.beginTime && isoTimestamp(info.beginTime),
    end_time_iso: info.endTime && isoTimestamp(info.endTime),
  };
}

/** All seconds, floats to Python; the number of workers is the only integer. */
function copyStats(stats: { readonly [key: string]: Literal }): JsonObject {
  const float = (value: Literal): Json =>
    typeof value === 'number'
      ? new JsonFloat(value)
      : typeof value === 'object' && value !== null && !Array.isArray(value)
        ? copyStats(value as { readonly [key: string]: Literal })
        : value;
  return Object.fromEntries(
    Object.entries(stats).map(([key, value]) => [key, key === 'number_of_workers' ? value : float(value)]),
  );
}
