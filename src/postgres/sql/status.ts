/**
 * The remote status of the SQL connection, keyed as the reference prints it. A question that fails becomes null and a
 * warning in the log, never an error. Source: docs/behaviour/check.md 2.
 */
import { formatLsn } from '../../domain/wal/lsn.ts';
import { PostgresError } from '../../domain/errors.ts';
import type { PostgresLog } from '../connections.ts';
import { has, type PostgresVersion } from '../../domain/postgres-version.ts';
import { askBackupPrivileges, askMonitoringPrivileges, askSuperuser } from './privileges.ts';
import { askSlot } from './replication.ts';
import type { Session } from './session.ts';
import {
  askClusterSize,
  askConfigFiles,
  askSegmentSize,
  numericSetting,
  readStandbyNames,
  showSetting,
} from './settings.ts';
import { timestampText } from './values.ts';
import { askInRecovery, askWalPosition } from './wal.ts';

export type Status = Record<string, unknown>;

/** Keys that are there even when nobody answers. */
const ALWAYS = {
  data_directory: null,
  server_txt_version: null,
  is_superuser: null,
  is_in_recovery: null,
  current_xlog: null,
  replication_slot_support: null,
  replication_slot: null,
  synchronous_standby_names: null,
  postgres_systemid: null,
  version_supported: null,
};

export async function askStatus(session: Session, slotName: string | null, log: PostgresLog): Promise<Status> {
  const attempt = async <T>(question: () => Promise<T>): Promise<T | null> => {
    try {
      return await question();
    } catch (error) {
      if (!(error instanceof PostgresError)) throw error;
      log.warning(`Error retrieving PostgreSQL status: ${error.message}`);
      return null;
    }
  };
  const version = await attempt(() => session.serverVersion());
  if (version === null) return ALWAYS;
  const mayBackup = await askBackupPrivileges(session, log);
  const position = await attempt(() => askWalPosition(session));
  return {
    ...ALWAYS,
    data_directory: mayBackup ? await attempt(() => showSetting(session, 'data_directory')) : null,
    ...(await attempt(() => askSettings(session, version))),
    is_superuser: await askSuperuser(session, log),
    has_backup_privileges: mayBackup,
    has_monitoring_privileges: await askMonitoringPrivileges(session, log),
    is_in_recovery: await attempt(() => askInRecovery(session)),
    server_txt_version: await attempt(() => askTextVersion(session)),
    version_supported: has(version, 'backup'),
    current_lsn: position === null ? null : formatLsn(position.lsn),
    current_xlog: position?.fileName ?? null,
    current_size: mayBackup ? await attempt(() => askClusterSize(session)) : null,
    archive_timeout: await attempt(() => numericSetting(session, 'archive_timeout')),
    checkpoint_timeout: await attempt(() => numericSetting(session, 'checkpoint_timeout')),
    xlog_segment_size: await attempt(() => askSegmentSize(session)),
    ...(await attempt(() => askConfigFiles(session))),
    replication_slot_support: true,
    replication_slot: slotName === null ? null : await attempt(() => askSlot(session, slotName)),
    synchronous_standby_names: await attempt(async () =>
      readStandbyNames(await showSetting(session, 'synchronous_standby_names')),
    ),
    postgres_systemid: await attempt(() => askSystemId(session)),
  };
}

/** The settings that are shown as they are, in one question. */
async function askSettings(session: Session, version: PostgresVersion): Promise<Status> {
  const names = [
    'wal_level',
    'hot_standby',
    'max_wal_senders',
    'data_checksums',
    'max_replication_slots',
    'wal_compression',
    has(version, 'walKeepSize') ? 'wal_keep_size' : 'wal_keep_segments',
  ];
  const columns = names.map((name) => `current_setting('${name}') AS ${name}`);
  const [row] = await session.query<Status>(`SELECT ${columns.join(', ')}`);
  return row ?? {};
}

/** `15.18`: the second word of version(); EnterpriseDB adds a component of its own at the end. */
export async function askTextVersion(session: Session): Promise<string> {
  const [row] = await session.query<{ version: string }>('SELECT version()');
  const [product = '', version = ''] = (row?.version ?? '').split(' ');
  return product === 'EnterpriseDB' ? version.slice(0, Math.max(version.lastIndexOf('.'), 0)) : version;
}

export async function askSystemId(session: Session): Promise<string | null> {
  const [row] = await session.query<{ id: string }>('SELECT system_identifier::text AS id FROM pg_control_system()');
  return row?.id ?? null;
}

interface ArchiverRow extends Status {
  readonly last_archived_time: string | null;
  readonly last_failed_time: string | null;
  readonly stats_reset: string | null;
}

/**
 * archive_mode, archive_command and pg_stat_archiver. `is_archiving` is null when it cannot be known: something failed
 * and nothing was archived yet.
 */
export async function askArchiverStatus(session: Session, log: PostgresLog): Promise<Status> {
  const quietly = async <T>(what: string, question: () => Promise<T>): Promise<T | null> => {
    try {
      return await question();
    } catch (error) {
      if (!(error instanceof PostgresError)) throw error;
      log.debug(`Error retrieving ${what}: ${error.message}`);
      return null;
    }
  };
  const setting = (name: string) => quietly(`PostgreSQL setting '${name}'`, () => showSetting(session, name));
  const archive_mode = await setting('archive_mode');
  const archive_command = await setting('archive_command');
  const rows = await quietly('pg_stat_archive data', () => session.query<ArchiverRow>(ARCHIVER_STATISTICS));
  const statistics = rows?.[0];
  if (statistics === undefined) return { archive_mode, archive_command };
  const time = (text: string | null) => (text === null ? null : timestampText(text));
  return {
    archive_mode,
    archive_command,
    ...statistics,
    last_archived_time: time(statistics.last_archived_time),
    last_failed_time: time(statistics.last_failed_time),
    stats_reset: time(statistics.stats_reset),
  };
}

// A failed history file is forgiven once WAL of its timeline or a later one was archived.
const ARCHIVER_STATISTICS = `
  SELECT archived_count, last_archived_wal, last_archived_time, failed_count, last_failed_wal, last_failed_time, stats_reset,
    current_setting('archive_mode') IN ('on', 'always') AND (
      last_failed_wal IS NULL
      OR last_failed_wal LIKE '%.history' AND left(last_failed_wal, 8) <= left(last_archived_wal, 8)
      OR last_failed_time <= last_archived_time
    ) AS is_archiving,
    archived_count::numeric / nullif(extract(epoch FROM now() - stats_reset)::numeric, 0) AS current_archived_wals_per_second
  FROM pg_stat_archiver`;
