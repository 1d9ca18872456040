/**
 * The questions of the status, on the SQL connection. One that fails is null and a warning in the log, never an error.
 * Source: docs/behaviour/check.md 2.
 */
import { PostgresError } from '../../domain/errors.ts';
import type { PostgresLog } from '../connections.ts';
import { has, type PostgresVersion } from '../../domain/postgres-version.ts';
import { type ArchiverStatistics, type ArchiverStatus, type ShownSettings, SILENT, type SqlStatus } from '../status.ts';
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
import { readOptionalTimestamp } from './values.ts';
import { askInRecovery, askWalPosition } from './wal.ts';

export async function askStatus(session: Session, slotName: string | null, log: PostgresLog): Promise<SqlStatus> {
  const attempt = async <T>(question: () => Promise<T>): Promise<T | null> => {
    try {
      return await question();
    } catch (error) {
      if (!(error instanceof PostgresError)) throw error;
      log.warning(`Error retrieving PostgreSQL status: ${error.message}`);
      return null;
    }
  };
  let version: PostgresVersion;
  try {
    version = await session.serverVersion();
  } catch (error) {
    if (!(error instanceof PostgresError)) throw error;
    log.warning(`Error retrieving PostgreSQL status: ${error.message}`);
    return { ...SILENT, connectionError: error.message };
  }
  const mayBackup = await askBackupPrivileges(session, log);
  const position = await attempt(() => askWalPosition(session));
  return {
    reach: 'open',
    connectionError: null,
    dataDirectory: mayBackup ? await attempt(() => showSetting(session, 'data_directory')) : null,
    settings: await attempt(() => askSettings(session, version)),
    isSuperuser: await askSuperuser(session, log),
    hasBackupPrivileges: mayBackup,
    hasMonitoringPrivileges: await askMonitoringPrivileges(session, log),
    isInRecovery: await attempt(() => askInRecovery(session)),
    versionText: await attempt(() => askTextVersion(session)),
    version,
    currentLsn: position?.lsn ?? null,
    currentWal: position?.fileName ?? null,
    clusterSize: mayBackup ? await attempt(() => askClusterSize(session)) : null,
    archiveTimeout: await attempt(() => numericSetting(session, 'archive_timeout')),
    checkpointTimeout: await attempt(() => numericSetting(session, 'checkpoint_timeout')),
    segmentSize: await attempt(() => askSegmentSize(session)),
    configFiles: await attempt(() => askConfigFiles(session)),
    slot: slotName === null ? null : await attempt(() => askSlot(session, slotName)),
    synchronousStandbyNames: await attempt(async () =>
      readStandbyNames(await showSetting(session, 'synchronous_standby_names')),
    ),
    systemId: await attempt(() => askSystemId(session)),
  };
}

const SHOWN: Readonly<Record<keyof ShownSettings, string>> = {
  walLevel: 'wal_level',
  hotStandby: 'hot_standby',
  maxWalSenders: 'max_wal_senders',
  dataChecksums: 'data_checksums',
  maxReplicationSlots: 'max_replication_slots',
  walCompression: 'wal_compression',
  walKeepSize: 'wal_keep_size',
  walKeepSegments: 'wal_keep_segments',
};

/** In one question. */
async function askSettings(session: Session, version: PostgresVersion): Promise<ShownSettings | null> {
  const unknown = has(version, 'walKeepSize') ? 'wal_keep_segments' : 'wal_keep_size';
  const columns = Object.entries(SHOWN).map(
    ([field, name]) => `${name === unknown ? 'NULL' : `current_setting('${name}')`} AS "${field}"`,
  );
  const [row] = await session.query<ShownSettings>(`SELECT ${columns.join(', ')}`);
  return row ?? null;
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

export async function askArchiverStatus(session: Session, log: PostgresLog): Promise<ArchiverStatus> {
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
  return {
    mode: await setting('archive_mode'),
    command: await setting('archive_command'),
    statistics: await quietly('pg_stat_archive data', () => askArchiverStatistics(session)),
  };
}

interface ArchiverRow {
  readonly archived_count: number;
  readonly last_archived_wal: string | null;
  readonly last_archived_time: string | null;
  readonly failed_count: number;
  readonly last_failed_wal: string | null;
  readonly last_failed_time: string | null;
  readonly stats_reset: string | null;
  readonly is_archiving: boolean | null;
  readonly per_second: string | null;
}

async function askArchiverStatistics(session: Session): Promise<ArchiverStatistics | null> {
  const [row] = await session.query<ArchiverRow>(ARCHIVER_STATISTICS);
  if (row === undefined) return null;
  return {
    archivedCount: row.archived_count,
    lastArchivedWal: row.last_archived_wal,
    lastArchivedTime: readOptionalTimestamp(row.last_archived_time),
    failedCount: row.failed_count,
    lastFailedWal: row.last_failed_wal,
    lastFailedTime: readOptionalTimestamp(row.last_failed_time),
    statsReset: readOptionalTimestamp(row.stats_reset),
    isArchiving: row.is_archiving,
    archivedPerSecond: row.per_second,
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
    archived_count::numeric / nullif(extract(epoch FROM now() - stats_reset)::numeric, 0) AS per_second
  FROM pg_stat_archiver`;
