/** The JSON face of `barman show-backup`. Source: docs/behaviour/cli.md 6.3. */
import { copyFigures, ownBytes, savings } from '../../domain/backup/backup-figures.ts';
import { humanDuration } from '../../domain/time/duration.ts';
import { formatLsn } from '../../domain/wal/lsn.ts';
import { prettySize } from '../../domain/text/size.ts';
import { walCompressionRatio, walRate } from '../../domain/wal/wal-usage.ts';
import { JsonFloat } from '../json-float.ts';
import { type BackupInfo, isCopyDone } from '../../domain/backup/backup-info.ts';
import { backupType, originOf } from '../../domain/backup/backup-layout.ts';
import { formatTimestamp, type Timestamp } from '../../domain/time/timestamp.ts';
import type { Json, JsonObject } from '../output.ts';
import { flawJson } from './list-backups.ts';
import { LATEST, OLDEST, percentText, policyText, rateText, type ShownBackup } from './shown-backup.ts';

/** compat 3.20.1: the blanks are part of the text. */
const INACCURATE =
  'WAL information is inaccurate                     due to multiple timelines interacting with                     this backup';

export function shownBackupJson(backup: ShownBackup): JsonObject {
  const { info, server, flaw } = backup;
  const head: JsonObject = {
    backup_id: info.backupId,
    ...optional('backup_name', info.backupName),
    ...optional('system_id', info.systemid),
    status: info.status,
    ...flawJson(flaw),
    server_information: { data_checksums: info.dataChecksums, summarize_wal: info.summarizeWal },
  };
  if (!isCopyDone(info)) return { [server]: { ...head, ...optional('error', info.error) } };
  return {
    [server]: {
      ...head,
      backup_type: backupType(info),
      ...(info.clusterSize ? size('cluster_size', info.clusterSize) : {}),
      postgresql_version: info.version,
      pgdata_directory: info.pgdata,
      tablespaces: (info.tablespaces ?? []).map(({ name, location, oid }) => ({ name, location, oid })),
      base_backup_information: baseBackup(backup),
      wal_information: walInformation(backup),
      catalog_information: catalogInformation(backup),
      ...(info.snapshotsInfo === null ? {} : { snapshots_info: info.snapshotsInfo as Json }),
    },
  };
}

function baseBackup({ info, usage }: ShownBackup): JsonObject {
  const own = ownBytes(info);
  const { count, bytes } = usage.required;
  const ratio = walCompressionRatio(usage.required, usage, info.xlogSegmentSize);
  return {
    backup_method: info.mode,
    encryption: info.encryption,
    compression: info.compression,
    ...size('backup_size', own),
    ...size('backup_size_with_wals', own + bytes),
    ...size('wal_size', bytes),
    timeline: info.timeline,
    begin_wal: info.beginWal,
    end_wal: info.endWal,
    wal_num: count,
    ...times('begin_time', info.beginTime),
    ...times('end_time', info.endTime),
    begin_offset: info.beginOffset,
    end_offset: info.endOffset,
    begin_lsn: info.beginXlog === null ? null : formatLsn(info.beginXlog),
    end_lsn: info.endXlog === null ? null : formatLsn(info.endXlog),
    ...saved(info),
    ...(ratio > 0 ? { wal_compression_ratio: percentText(ratio) } : {}),
    ...copied(info),
  };
}

function saved(info: BackupInfo): JsonObject {
  const found = savings(info);
  if (found === null) return {};
  return { ...size('resources_saved', found.bytes), resources_saved_percentage: percentText(found.ratio) };
}

function copied(info: BackupInfo): JsonObject {
  const copy = copyFigures(info);
  if (copy === null) return {};
  return {
    copy_time: humanDuration(copy.copyTime),
    copy_time_seconds: new JsonFloat(copy.copyTime),
    ...(copy.analysisTime === null
      ? {}
      : { analysis_time: humanDuration(copy.analysisTime), analysis_time_seconds: new JsonFloat(copy.analysisTime) }),
    throughput: `${prettySize(copy.throughput)}/s`,
    throughput_bytes: Math.trunc(copy.throughput),
    number_of_workers: copy.workers,
  };
}

function walInformation({ info, usage, timelines }: ShownBackup): JsonObject {
  const { count, bytes } = usage.untilNext;
  const rate = walRate(usage);
  const ratio = walCompressionRatio(usage.untilNext, usage, info.xlogSegmentSize);
  return {
    no_of_files: count,
    ...size('disk_usage', bytes),
    wal_rate: rate > 0 ? rateText(rate) : 0,
    wal_rate_per_second: rate > 0 ? new JsonFloat(rate) : 0,
    compression_ratio: ratio > 0 ? percentText(ratio) : 0,
    last_available: usage.last?.name ?? null,
    timelines: timelines.map(String),
    ...(timelines.length > 0 ? { _WARNING: INACCURATE } : {}),
  };
}

function catalogInformation({ info, verdict, previous, next, chain }: ShownBackup): JsonObject {
  return {
    retention_policy: policyText(verdict),
    previous_backup: previous ?? OLDEST,
    next_backup: next ?? LATEST,
    ...(backupType(info) === 'incremental'
      ? {
          root_backup_id: chain.at(-1) ?? info.backupId,
          parent_backup_id: info.parentBackupId,
          chain_size: chain.length,
        }
      : {}),
    ...(originOf(info) === 'postgres' ? { children_backup_ids: info.childrenBackupIds } : {}),
  };
}

function size(key: string, bytes: number): JsonObject {
  return { [key]: prettySize(bytes), [`${key}_bytes`]: bytes };
}

function times(key: string, value: Timestamp | null): JsonObject {
  return {
    [key]: value === null ? null : formatTimestamp(value),
    [`${key}_timestamp`]: value === null ? null : String(value.epochMicros / 1_000_000n),
  };
}

function optional(key: string, value: string | null): JsonObject {
  return value === null ? {} : { [key]: value };
}
