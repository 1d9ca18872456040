/**
 * The questions this program asks PostgreSQL, one method each. Version differences stay behind this file.
 * Source: docs/behaviour/check.md 2, backup.md 2 and 3.
 */
import type { Lsn } from '../domain/wal/lsn.ts';
import type { PostgresVersion } from '../domain/postgres-version.ts';
import type { SlotState } from '../domain/wal/replication-slot.ts';
import type { ArchiverStatus, ReplicationStatus, SqlStatus, SystemIdentity } from './status.ts';
import type { Timestamp } from '../domain/time/timestamp.ts';
import type { KeptWal } from './sql/wal-directory.ts';
import type { Tablespace } from '../domain/backup/backup-info-values.ts';

/** Where the WAL stands: on a standby the file name and offset are null. */
export interface WalPosition {
  readonly lsn: Lsn;
  readonly fileName: string | null;
  readonly fileOffset: number | null;
  readonly timestamp: Timestamp;
}

/** What a backup records of the cluster before it starts (docs/behaviour/backup.md 2.2). */
export interface ClusterFacts {
  readonly pgdata: string;
  readonly version: PostgresVersion;
  /** Bytes. */
  readonly segmentSize: number;
  readonly tablespaces: readonly Tablespace[];
  readonly configFile: string | null;
  readonly hbaFile: string | null;
  readonly identFile: string | null;
  readonly includedFiles: readonly string[];
  readonly dataChecksums: string | null;
  readonly summarizeWal: string | null;
  /** Bytes; null without backup privileges. */
  readonly clusterSize: number | null;
}

/** Where a concurrent backup starts or stops. */
export interface BackupPosition {
  readonly lsn: Lsn;
  readonly timeline: number;
  readonly timestamp: Timestamp;
}

export interface StoppedBackup extends BackupPosition {
  /** The text of `backup_label`. */
  readonly label: string;
}

/** One row of pg_stat_replication joined to its slot, as replication-status shows it. */
export interface ReplicationClient {
  readonly pid: number;
  readonly userName: string | null;
  readonly applicationName: string | null;
  readonly clientAddr: string | null;
  readonly clientHostname: string | null;
  readonly clientPort: number | null;
  readonly backendStart: Timestamp;
  readonly backendXmin: string | null;
  readonly state: string | null;
  readonly sentLsn: Lsn | null;
  readonly writeLsn: Lsn | null;
  readonly flushLsn: Lsn | null;
  readonly replayLsn: Lsn | null;
  readonly syncPriority: number;
  readonly syncState: string;
  readonly slotName: string | null;
  readonly currentLsn: Lsn | null;
  readonly isInRecovery: boolean;
}

/** Progress of a running pg_basebackup, from pg_stat_progress_basebackup (PostgreSQL 13+). Bytes. */
export interface BaseBackupProgress {
  readonly phase: string;
  readonly bytesTotal: number | null;
  readonly bytesStreamed: number;
}

/** Statements, and the database in which a superuser has to execute them (function privileges belong to one). */
export interface MissingGrants {
  readonly database: string;
  readonly grants: readonly string[];
}

/**
 * A lazily opened SQL connection in autocommit, `application_name` barman. Every method throws PostgresError, whose
 * message is libpq's own wording for a refused connection (`connection to server at "HOST", port N failed: ...`) and
 * never holds a password. A broken connection is reopened by the next query unless `pin` was called.
 */
export interface PostgresConnection {
  /** The conninfo as configured. Not to be printed without redactSecrets. */
  readonly conninfo: string;
  /** Booleans and integers (bigint beyond 2^53) are converted; every other type comes as PostgreSQL's text. */
  query<Row extends Record<string, unknown>>(sql: string, parameters?: readonly unknown[]): Promise<Row[]>;
  /**
   * From now on a lost connection is an error (`Connection lost, reconnection not allowed`) until `unpin`; `onLost` is
   * called when it happens, also between two questions.
   */
  pin(onLost?: () => void): void;
  unpin(): void;
  serverVersion(): Promise<PostgresVersion>;
  /** `15.18` from `version()`. */
  serverTextVersion(): Promise<string>;
  isInRecovery(): Promise<boolean>;
  /** null when the privilege question itself failed. */
  hasBackupPrivileges(): Promise<boolean | null>;
  hasMonitoringPrivileges(): Promise<boolean | null>;
  /** What a role without backup privileges would have to be granted; PostgreSQL 10 and later. */
  missingGrants(): Promise<MissingGrants>;
  isSuperuser(): Promise<boolean | null>;
  /** `SHOW name`. */
  show(name: string): Promise<string>;
  /** Start or end of a pg_basebackup (docs/behaviour/backup.md 4.1 step 1); on a standby from the last replayed LSN. */
  walPosition(): Promise<WalPosition>;
  /**
   * Closes the current WAL segment (docs/behaviour/backup.md 3.4). The name of the closed one, or null when no switch
   * was needed. Not for a standby: ask isInRecovery first.
   */
  switchWal(): Promise<string | null>;
  checkpoint(): Promise<void>;
  /** Starts a concurrent backup that lives as long as this session; waits for a checkpoint, a fast one on demand. */
  startBackup(label: string, fast: boolean): Promise<BackupPosition>;
  /** Stops it; does not wait until the WAL is archived. */
  stopBackup(): Promise<StoppedBackup>;
  createRestorePoint(name: string): Promise<void>;
  clusterFacts(): Promise<ClusterFacts>;
  /** A slot of that name, of either kind. */
  slot(name: string): Promise<SlotState | null>;
  keptWal(): Promise<KeptWal>;
  systemId(): Promise<string | null>;
  /** Bytes; null when it cannot be told. */
  segmentSize(): Promise<number | null>;
  synchronousStandbyNames(): Promise<readonly string[]>;
  replicationClients(target: 'all' | 'hot-standby' | 'wal-streamer'): Promise<readonly ReplicationClient[]>;
  /** The progress of the pg_basebackup whose application_name this is; null when none runs. */
  baseBackupProgress(applicationName: string): Promise<BaseBackupProgress | null>;
  /** Failures become null. */
  status(slotName: string | null): Promise<SqlStatus>;
  /** Failures become null. */
  archiverStatus(): Promise<ArchiverStatus>;
  /** Ends the connection, also one with a statement under way; a later question opens a new one. */
  close(): Promise<void>;
}

/** The replication connection: IDENTIFY_SYSTEM and slots. */
export interface StreamingConnection {
  /**
   * The rebuilt connection string that pg_basebackup and pg_receivewal get (docs/behaviour/config.md 8), before
   * application_name.
   */
  readonly dsn: string;
  /** Keywords of the conninfo, e.g. application_name when the user set one. */
  readonly keywords: Readonly<Record<string, string>>;
  /** @throws PostgresError */
  serverVersion(): Promise<PostgresVersion>;
  /** @throws PostgresError */
  identifySystem(): Promise<SystemIdentity>;
  /** The text of the timeline's history file. @throws PostgresError, also for timeline 1, which has none */
  timelineHistory(timeline: number): Promise<string>;
  /** @throws PostgresError; sqlStateOf (postgres/failure.ts) or `cause.code`: 42710 exists, 53400 all in use */
  createPhysicalSlot(name: string): Promise<void>;
  /** @throws PostgresError; 42704 unknown, 55006 in use */
  dropSlot(name: string): Promise<void>;
  /** Failures become null. */
  status(): Promise<ReplicationStatus>;
  close(): Promise<void>;
}

/** Where the adapter tells what it found wrong without failing: logger `barman.postgres`. */
export interface PostgresLog {
  debug(text: string): void;
  warning(text: string): void;
}

export interface PostgresOptions {
  readonly conninfo: string;
  readonly env: NodeJS.ProcessEnv;
  readonly log: PostgresLog;
  /** Aborting it gives up a connection attempt that is under way; open connections stay. */
  readonly signal?: AbortSignal;
}
