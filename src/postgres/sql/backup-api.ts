/**
 * PostgreSQL's non-exclusive backup API: the session that starts a backup must live until it stops it.
 * Source: docs/behaviour/backup.md 3.1 and 3.2; PostgreSQL documentation, "Making a Base Backup Using the Low Level
 * API".
 */
import type { BackupPosition, StoppedBackup } from '../connections.ts';
import { has, type PostgresVersion } from '../../domain/postgres-version.ts';
import type { Session } from './session.ts';
import { readLsn, readTimestamp } from './values.ts';

interface PositionRow {
  readonly location: string;
  readonly timeline: number;
  readonly timestamp: string;
}

/** Statements may take as long as a checkpoint, and between them the session is idle for hours. */
function timeouts(version: PostgresVersion): readonly string[] {
  return has(version, 'idleSessionTimeout') ? ['idle_session_timeout', 'statement_timeout'] : ['statement_timeout'];
}

/** @throws PostgresError */
export async function startBackup(session: Session, label: string, fast: boolean): Promise<BackupPosition> {
  const version = await session.serverVersion();
  for (const name of timeouts(version)) await session.query(`SET ${name} TO 0`);
  const start = has(version, 'backupStart') ? 'pg_backup_start($1, $2)' : 'pg_start_backup($1, $2, FALSE)';
  const [row] = await session.query<PositionRow>(
    `SELECT location, (SELECT timeline_id FROM pg_control_checkpoint()) AS timeline, now() AS timestamp FROM ${start} AS location`,
    [label, fast],
  );
  return position(row);
}

/** Does not wait for the WAL to be archived: the status of the backup says whether it is. @throws PostgresError */
export async function stopBackup(session: Session): Promise<StoppedBackup> {
  const version = await session.serverVersion();
  const [row] = await session.query<PositionRow & { readonly backup_label: string }>(
    `SELECT end_row.lsn AS location, (SELECT CASE WHEN pg_is_in_recovery() THEN min_recovery_end_timeline ELSE timeline_id END FROM pg_control_checkpoint(), pg_control_recovery()) AS timeline, end_row.labelfile AS backup_label, now() AS timestamp FROM ${stopCall(version)} AS end_row`,
  );
  for (const name of timeouts(version)) await session.query(`RESET ${name}`);
  return { ...position(row), label: row?.backup_label ?? '' };
}

function stopCall(version: PostgresVersion): string {
  if (has(version, 'backupStart')) return 'pg_backup_stop(FALSE)';
  return has(version, 'stopWithoutWaiting') ? 'pg_stop_backup(FALSE, FALSE)' : 'pg_stop_backup(FALSE)';
}

function position(row: PositionRow | undefined): BackupPosition {
  return {
    lsn: readLsn(row?.location ?? ''),
    timeline: row?.timeline ?? 0,
    timestamp: readTimestamp(row?.timestamp ?? ''),
  };
}
