/**
 * Replication clients, slots and running base backups, as the SQL connection sees them.
 * Source: docs/behaviour/check.md 4.
 */
import type { BaseBackupProgress, ReplicationClient } from '../connections.ts';
import { has } from '../../domain/postgres-version.ts';
import type { SlotState } from '../../domain/wal/replication-slot.ts';
import { dialectOf } from './dialect.ts';
import { missingPrivileges } from './privileges.ts';
import type { Session } from './session.ts';
import { readOptionalLsn, readTimestamp } from './values.ts';

export async function askSlot(session: Session, name: string): Promise<SlotState | null> {
  // wal_status is of PostgreSQL 13, invalidation_reason of 17: read through JSON, which has no key for what is not there.
  const [row] = await session.query<SlotRow>(
    `SELECT slot_name, slot_type, active, restart_lsn, to_jsonb(s) ->> 'wal_status' AS wal_status,
      to_jsonb(s) ->> 'invalidation_reason' AS reason
      FROM pg_replication_slots s WHERE slot_name = $1`,
    [name],
  );
  if (row === undefined) return null;
  return {
    slotName: row.slot_name,
    active: row.active,
    restartLsn: readOptionalLsn(row.restart_lsn),
    isPhysical: row.slot_type === 'physical',
    // Before 17 a physical slot has one reason only.
    lost: row.reason ?? (row.wal_status === 'lost' ? 'max_slot_wal_keep_size' : null),
  };
}

interface SlotRow {
  readonly slot_name: string;
  readonly slot_type: string;
  readonly active: boolean;
  readonly restart_lsn: string | null;
  readonly wal_status: string | null;
  readonly reason: string | null;
}

interface ClientRow {
  readonly pid: number;
  readonly usename: string | null;
  readonly application_name: string | null;
  readonly client_addr: string | null;
  readonly client_hostname: string | null;
  readonly client_port: number | null;
  readonly backend_start: string;
  readonly backend_xmin: string | null;
  readonly state: string | null;
  readonly sent: string | null;
  readonly write: string | null;
  readonly flush: string | null;
  readonly replay: string | null;
  readonly sync_priority: number | null;
  readonly sync_state: string | null;
  readonly slot_name: string | null;
  readonly current_lsn: string | null;
  readonly is_in_recovery: boolean;
}

const WANTED: Readonly<Record<'all' | 'hot-standby' | 'wal-streamer', string>> = {
  all: '',
  'hot-standby': 'AND r.replay_POSITION IS NOT NULL',
  'wal-streamer': 'AND r.replay_POSITION IS NULL',
};

/** Streaming clients, synchronous ones first. @throws PostgresError also when the role may not monitor */
export async function askReplicationClients(
  session: Session,
  target: 'all' | 'hot-standby' | 'wal-streamer',
  mayMonitor: boolean | null,
): Promise<readonly ReplicationClient[]> {
  if (mayMonitor === false) throw await missingPrivileges(session);
  const { positionSuffix, currentLsn, receiveLsn } = dialectOf(await session.serverVersion());
  const sql = `
    SELECT r.pid, r.usename, r.application_name, host(r.client_addr) AS client_addr, r.client_hostname, r.client_port,
      r.backend_start, r.backend_xmin, r.state, r.sent_POSITION AS sent, r.write_POSITION AS write,
      r.flush_POSITION AS flush, r.replay_POSITION AS replay, r.sync_priority, r.sync_state, s.slot_name,
      pg_is_in_recovery() AS is_in_recovery,
      CASE WHEN pg_is_in_recovery() THEN ${receiveLsn}() ELSE ${currentLsn}() END AS current_lsn
    FROM pg_stat_replication r LEFT JOIN pg_replication_slots s ON r.pid = s.active_pid
    WHERE (s.slot_type IS NULL OR s.slot_type = 'physical') ${WANTED[target]}
    ORDER BY r.sync_state DESC, r.sync_priority`;
  const rows = await session.query<ClientRow>(sql.replaceAll('POSITION', positionSuffix));
  return rows.map(readClient);
}

function readClient(row: ClientRow): ReplicationClient {
  return {
    pid: row.pid,
    userName: row.usename,
    applicationName: row.application_name,
    clientAddr: row.client_addr,
    clientHostname: row.client_hostname,
    clientPort: row.client_port,
    backendStart: readTimestamp(row.backend_start),
    backendXmin: row.backend_xmin,
    state: row.state,
    sentLsn: readOptionalLsn(row.sent),
    writeLsn: readOptionalLsn(row.write),
    flushLsn: readOptionalLsn(row.flush),
    replayLsn: readOptionalLsn(row.replay),
    syncPriority: row.sync_priority ?? 0,
    syncState: row.sync_state ?? '',
    slotName: row.slot_name,
    currentLsn: readOptionalLsn(row.current_lsn),
    isInRecovery: row.is_in_recovery,
  };
}

/** The newest base backup that a client of this name is taking; null when none runs or the server does not tell. */
export async function askBaseBackupProgress(
  session: Session,
  applicationName: string,
): Promise<BaseBackupProgress | null> {
  if (!has(await session.serverVersion(), 'backupProgress')) return null;
  const [row] = await session.query<{ phase: string; total: number | bigint | null; streamed: number | bigint | null }>(
    `SELECT p.phase, p.backup_total AS total, p.backup_streamed AS streamed
      FROM pg_stat_progress_basebackup p JOIN pg_stat_replication r USING (pid)
      WHERE r.application_name = $1 ORDER BY r.backend_start DESC LIMIT 1`,
    [applicationName],
  );
  if (row === undefined) return null;
  const total = row.total === null ? null : Number(row.total);
  return { phase: row.phase, bytesTotal: total, bytesStreamed: Number(row.streamed ?? 0) };
}
