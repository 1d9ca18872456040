/** What differs between PostgreSQL 9.6 and 18 in names. Source: release notes of 10 (xlog -> wal), 15 and 17. */
import { has, type PostgresVersion } from '../../domain/postgres-version.ts';

export interface Dialect {
  readonly currentLsn: string;
  readonly insertLsn: string;
  readonly replayLsn: string;
  readonly receiveLsn: string;
  readonly walFileName: string;
  readonly walFileNameOffset: string;
  readonly switchWal: string;
  /** Suffix of the position columns of pg_stat_replication. */
  readonly positionSuffix: 'lsn' | 'location';
  /** Signatures of the functions that start and stop a backup; one of the `stop` ones is enough. */
  readonly startBackup: string;
  readonly stopBackup: readonly string[];
}

export function dialectOf(version: PostgresVersion): Dialect {
  return {
    ...(has(version, 'walNames') ? MODERN : NAMES_9_6),
    ...(has(version, 'backupStart')
      ? { startBackup: 'pg_backup_start(text,bool)', stopBackup: ['pg_backup_stop(bool)'] }
      : { startBackup: 'pg_start_backup(text,bool,bool)', stopBackup: stopBefore15(version) }),
  };
}

function stopBefore15(version: PostgresVersion): readonly string[] {
  return has(version, 'stopWithoutWaiting')
    ? ['pg_stop_backup()', 'pg_stop_backup(bool,bool)']
    : ['pg_stop_backup()', 'pg_stop_backup(bool)'];
}

const MODERN = {
  currentLsn: 'pg_current_wal_lsn',
  insertLsn: 'pg_current_wal_insert_lsn',
  replayLsn: 'pg_last_wal_replay_lsn',
  receiveLsn: 'pg_last_wal_receive_lsn',
  walFileName: 'pg_walfile_name',
  walFileNameOffset: 'pg_walfile_name_offset',
  switchWal: 'pg_switch_wal',
  positionSuffix: 'lsn',
} as const;

const NAMES_9_6 = {
  currentLsn: 'pg_current_xlog_location',
  insertLsn: 'pg_current_xlog_insert_location',
  replayLsn: 'pg_last_xlog_replay_location',
  receiveLsn: 'pg_last_xlog_receive_location',
  walFileName: 'pg_xlogfile_name',
  walFileNameOffset: 'pg_xlogfile_name_offset',
  switchWal: 'pg_switch_xlog',
  positionSuffix: 'location',
} as const;
