/** The state of a server under the keys that show-servers and diagnose give it. Source: docs/behaviour/check.md 2, 5, 6. */
import type { Timestamp } from '../domain/time/timestamp.ts';
import { pythonRepr } from '../domain/text/python-repr.ts';
import { formatTimestamp, isoTimestamp } from '../domain/time/timestamp.ts';
import { formatLsn } from '../domain/wal/lsn.ts';
import type { SlotState } from '../domain/wal/replication-slot.ts';
import { JsonFloat } from '../output/json-float.ts';
import type { Json, JsonObject } from '../output/output.ts';
import type {
  ArchiverStatistics,
  ArchiverStatus,
  ConfigFiles,
  ReplicationStatus,
  ShownSettings,
  SqlStatus,
} from '../postgres/status.ts';
import { type BaseBackupStatus, isSupported, type ReceiverStatus, type ServerStatus } from '../server/server-status.ts';

/** How the values are written that are neither text, number nor truth. */
export interface Spelling {
  readonly decimal: (value: bigint | string) => Json;
  readonly time: (time: Timestamp) => Json;
  readonly slot: (slot: SlotState) => Json;
}

/** As str() of Python has them: show-servers. */
export const AS_TEXT: Spelling = {
  decimal: String,
  time: formatTimestamp,
  slot: ({ slotName, active, restartLsn }) => {
    const lsn = restartLsn === null ? 'None' : pythonRepr(formatLsn(restartLsn));
    return `Record(slot_name=${pythonRepr(slotName)}, active=${active ? 'True' : 'False'}, restart_lsn=${lsn})`;
  },
};

/** As Barman's JSON encoder has them: diagnose. */
export const AS_JSON: Spelling = {
  decimal: (value) => new JsonFloat(Number(value)),
  time: isoTimestamp,
  slot: ({ slotName, active, restartLsn }) => [slotName, active, restartLsn === null ? null : formatLsn(restartLsn)],
};

type Rows<T> = Readonly<Record<string, (from: T, spell: Speller) => Json>>;

/** There even when nobody answers. */
const SQL: Rows<SqlStatus> = {
  data_directory: (sql) => sql.dataDirectory,
  server_txt_version: (sql) => sql.versionText,
  is_superuser: (sql) => sql.isSuperuser,
  is_in_recovery: (sql) => sql.isInRecovery,
  current_xlog: (sql) => sql.currentWal,
  replication_slot_support: (sql) => (sql.reach === 'open' ? true : null),
  // compat 3.20.1: a logical one is none.
  replication_slot: (sql, spell) => spell.slot(sql.slot?.isPhysical === true ? sql.slot : null),
  synchronous_standby_names: (sql) => sql.synchronousStandbyNames,
  postgres_systemid: (sql) => sql.systemId,
};

const ANSWERED: Rows<SqlStatus> = {
  has_backup_privileges: (sql) => sql.hasBackupPrivileges,
  has_monitoring_privileges: (sql) => sql.hasMonitoringPrivileges,
  current_lsn: (sql) => (sql.currentLsn === null ? null : formatLsn(sql.currentLsn)),
  current_size: (sql, spell) => spell.decimal(sql.clusterSize),
  archive_timeout: (sql) => sql.archiveTimeout,
  checkpoint_timeout: (sql) => sql.checkpointTimeout,
  xlog_segment_size: (sql) => sql.segmentSize,
};

/** Left out where PostgreSQL has no such setting. */
const SETTINGS: Rows<ShownSettings> = {
  wal_level: (settings) => settings.walLevel,
  hot_standby: (settings) => settings.hotStandby,
  max_wal_senders: (settings) => settings.maxWalSenders,
  data_checksums: (settings) => settings.dataChecksums,
  max_replication_slots: (settings) => settings.maxReplicationSlots,
  wal_compression: (settings) => settings.walCompression,
  wal_keep_size: (settings) => settings.walKeepSize,
  wal_keep_segments: (settings) => settings.walKeepSegments,
};

/** Left out where the role may not see them. */
const CONFIG_FILES: Rows<ConfigFiles> = {
  config_file: (files) => files.configFile,
  hba_file: (files) => files.hbaFile,
  ident_file: (files) => files.identFile,
  included_files: (files) => (files.includedFiles.length > 0 ? files.includedFiles : null),
};

const REPLICATION: Rows<ReplicationStatus> = {
  connection_error: (replication) => replication.connectionError,
  streaming_supported: (replication) => (replication.reach === 'open' ? true : null),
  streaming: (replication) => (replication.reach === 'open' ? true : null),
  streaming_systemid: ({ identity }) => identity?.systemid ?? null,
  timeline: ({ identity }) => identity?.timeline ?? null,
  xlogpos: ({ identity }) => (identity === null ? null : formatLsn(identity.xlogpos)),
};

/** The names stay those of PostgreSQL 9, whatever the program is called today: scripts match on them. */
const RECEIVER: Rows<ReceiverStatus> = {
  pg_receivexlog_compatible: (receiver) => receiver.isCompatible,
  pg_receivexlog_installed: (receiver) => receiver.program !== null,
  pg_receivexlog_path: (receiver) => receiver.program?.path ?? null,
  pg_receivexlog_supports_slots: (receiver) => receiver.supportsSlots,
  pg_receivexlog_synchronous: (receiver) => receiver.isSynchronous,
  pg_receivexlog_version: (receiver) => receiver.program?.versionText ?? null,
};

const ARCHIVER: Rows<ArchiverStatus> = {
  archive_mode: (archiver) => archiver.mode,
  archive_command: (archiver) => archiver.command,
};

const ARCHIVER_STATISTICS: Rows<ArchiverStatistics> = {
  archived_count: (archiver) => archiver.archivedCount,
  last_archived_wal: (archiver) => archiver.lastArchivedWal,
  last_archived_time: (archiver, spell) => spell.time(archiver.lastArchivedTime),
  failed_count: (archiver) => archiver.failedCount,
  last_failed_wal: (archiver) => archiver.lastFailedWal,
  last_failed_time: (archiver, spell) => spell.time(archiver.lastFailedTime),
  stats_reset: (archiver, spell) => spell.time(archiver.statsReset),
  is_archiving: (archiver) => archiver.isArchiving,
  current_archived_wals_per_second: (archiver, spell) => spell.decimal(archiver.archivedPerSecond),
};

const BASE_BACKUP: Rows<BaseBackupStatus> = {
  pg_basebackup_bwlimit: (baseBackup) => baseBackup.limitsBandwidth,
  pg_basebackup_compatible: (baseBackup) => baseBackup.isCompatible,
  pg_basebackup_installed: ({ program }) => program !== null,
  pg_basebackup_path: ({ program }) => program?.path ?? null,
  pg_basebackup_tbls_mapping: (baseBackup) => baseBackup.mapsTablespaces,
  pg_basebackup_version: ({ program }) => program?.versionText ?? null,
};

/** Which keys are there depends on what the server is configured to do and on who answered. */
export function statusDocument(status: ServerStatus, spelling: Spelling): JsonObject {
  const spell = nullable(spelling);
  const write = <T>(rows: Rows<T>, from: T | null): JsonObject =>
    from === null ? {} : Object.fromEntries(Object.entries(rows).map(([key, value]) => [key, value(from, spell)]));
  const { sql, replication, receiver, archiver, baseBackup } = status;
  const wasAsked = sql.reach !== 'none' || replication.reach !== 'none';
  return {
    ...write(SQL, sql.reach === 'none' ? null : sql),
    ...write(ANSWERED, sql.reach === 'open' ? sql : null),
    ...known(write(SETTINGS, sql.settings)),
    ...known(write(CONFIG_FILES, sql.configFiles)),
    ...write(REPLICATION, replication.reach === 'none' ? null : replication),
    ...(wasAsked ? { version_supported: isSupported(status) } : {}),
    ...write(RECEIVER, receiver),
    ...write(ARCHIVER, archiver),
    ...write(ARCHIVER_STATISTICS, archiver?.statistics ?? null),
    ...write(BASE_BACKUP, baseBackup),
  };
}

function known(document: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(document).filter(([, value]) => value !== null));
}

type Speller = { readonly [Kind in keyof Spelling]: (value: Parameters<Spelling[Kind]>[0] | null) => Json };

function nullable({ decimal, time, slot }: Spelling): Speller {
  return {
    decimal: (value) => (value === null ? null : decimal(value)),
    time: (value) => (value === null ? null : time(value)),
    slot: (value) => (value === null ? null : slot(value)),
  };
}
