/**
 * The state of a server: what PostgreSQL and its client programs tell about it. Asked once for each server at work
 * (`scope.status()`), judged here; check, status, show-servers, diagnose and receive-wal are views of it.
 * Source: docs/behaviour/check.md 2.
 */
import { has } from '../domain/postgres-version.ts';
import { DEFAULT_SEGMENT_SIZE } from '../domain/wal/wal.ts';
import type { ClientProgram } from '../postgres/client-programs.ts';
import { type ArchiverStatus, type ReplicationStatus, SILENT, type SqlStatus } from '../postgres/status.ts';

export interface ServerStatus {
  /** conninfo. */
  readonly sql: SqlStatus;
  /** streaming_conninfo. */
  readonly replication: ReplicationStatus;
  /** pg_receivewal; null without streaming_archiver. */
  readonly receiver: ReceiverStatus | null;
  /** null without archiver. */
  readonly archiver: ArchiverStatus | null;
  /** pg_basebackup; null unless it is the backup method. */
  readonly baseBackup: BaseBackupStatus | null;
}

export interface ProgramStatus {
  /** null: not installed. */
  readonly program: ClientProgram | null;
  /** A client of an older major release cannot be trusted with this server. null: one of the two is not known. */
  readonly isCompatible: boolean | null;
}

export interface ReceiverStatus extends ProgramStatus {
  /** PostgreSQL 9.4; null while `isCompatible` is. */
  readonly supportsSlots: boolean | null;
  /** receive-wal is among the synchronous standbys; null while `isCompatible` is. */
  readonly isSynchronous: boolean | null;
}

export interface BaseBackupStatus extends ProgramStatus {
  /** PostgreSQL 9.4; null where it is not installed. */
  readonly limitsBandwidth: boolean | null;
  /** The same. */
  readonly mapsTablespaces: boolean | null;
}

/** Nobody was asked: the server is passive or inactive. */
export const NOT_ASKED: ServerStatus = {
  sql: { ...SILENT, reach: 'none' },
  replication: { reach: 'none', connectionError: null, identity: null, version: null },
  receiver: null,
  archiver: null,
  baseBackup: null,
};

/** Whether Barman can back up this release: the one behind the replication connection where there is one. null: not known. */
export function isSupported({ sql, replication }: ServerStatus): boolean | null {
  const { version } = replication.reach === 'none' ? sql : replication;
  return version === null ? null : has(version, 'backup');
}

/** Bytes of a WAL segment, PostgreSQL's default where it could not be asked. */
export function segmentSizeOf({ sql }: ServerStatus): number {
  return sql.segmentSize ?? DEFAULT_SEGMENT_SIZE;
}
