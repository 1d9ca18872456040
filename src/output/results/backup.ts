/** What `barman backup` reports: nothing on the console, the whole record at the top level of the JSON document. */
import type { BackupInfo, Literal, Timestamp } from '../../domain/backup/backup-info.ts';
import { formatLsn } from '../../domain/wal/lsn.ts';
import { formatLiteral } from '../../domain/text/python-literal.ts';
import { ctime } from '../../domain/time/timestamp.ts';
import { JsonFloat } from '../json-float.ts';
import type { Json, JsonObject, Result } from '../output.ts';

/** Source: docs/behaviour/cli.md 6.8. */
export function backupResult(info: BackupInfo): Result {
  return { console: () => [], json: () => recordJson(info) };
}

function recordJson(info: BackupInfo): JsonObject {
  return {
    backup_id: info.backupId,
    backup_label: info.backupLabel === null ? null : formatLiteral(info.backupLabel),
    ...(info.backupName === null ? {} : { backup_name: info.backupName }),
    begin_offset: info.beginOffset,
    begin_time: time(info.beginTime),
    begin_wal: info.beginWal,
    begin_xlog: info.beginXlog === null ? null : formatLsn(info.beginXlog),
    children_backup_ids: info.childrenBackupIds === null ? null : info.childrenBackupIds.join(','),
    // compat 3.20.1: the sum of pg_tablespace_size is a decimal there.
    cluster_size: info.clusterSize === null ? null : new JsonFloat(info.clusterSize),
    compression: info.compression,
    config_file: info.configFile,
    copy_stats: literal(info.copyStats),
    data_checksums: info.dataChecksums,
    deduplicated_size: info.deduplicatedSize,
    encryption: info.encryption,
    end_offset: info.endOffset,
    end_time: time(info.endTime),
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
    ...(info.snapshotsInfo === null ? {} : { snapshots_info: literal(info.snapshotsInfo) }),
    status: info.status,
    summarize_wal: info.summarizeWal,
    systemid: info.systemid,
    tablespaces:
      info.tablespaces === null ? null : info.tablespaces.map(({ name, oid, location }) => [name, oid, location]),
    timeline: info.timeline,
    version: info.version,
    xlog_segment_size: info.xlogSegmentSize,
  };
}

function time(value: Timestamp | null): string | null {
  return value === null ? null : ctime(value);
}

function literal(value: Literal): Json {
  return value;
}
