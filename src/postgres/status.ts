/**
 * What PostgreSQL tells about itself. A question that failed, or that was not asked, has the answer null; where one
 * question has several answers they stand and fall together. Source: docs/behaviour/check.md 2.
 */
import type { Timestamp } from '../domain/time/timestamp.ts';
import type { PostgresVersion } from '../domain/postgres-version.ts';
import type { Lsn } from '../domain/wal/lsn.ts';
import type { SlotState } from '../domain/wal/replication-slot.ts';

/** `none`: there is no such connection; `silent`: nobody answers, and every answer is null. */
export type Reach = 'open' | 'silent' | 'none';

/** What IDENTIFY_SYSTEM answers. */
export interface SystemIdentity {
  readonly systemid: string;
  readonly timeline: number;
  readonly xlogpos: Lsn;
}

/** The answers of the SQL connection. */
export interface SqlStatus {
  readonly reach: Reach;
  /** Why it is silent, in the words of libpq. */
  readonly connectionError: string | null;
  /** `15.18` from `version()`. */
  readonly versionText: string | null;
  readonly version: PostgresVersion | null;
  readonly isInRecovery: boolean | null;
  readonly isSuperuser: boolean | null;
  readonly hasBackupPrivileges: boolean | null;
  readonly hasMonitoringPrivileges: boolean | null;
  /** null also without backup privileges. */
  readonly dataDirectory: string | null;
  /** Bytes of all tablespaces; null also without backup privileges. */
  readonly clusterSize: bigint | null;
  readonly currentLsn: Lsn | null;
  /** Name of the WAL file at `currentLsn`; null also on a standby. */
  readonly currentWal: string | null;
  /** Bytes. */
  readonly segmentSize: number | null;
  /** Seconds. */
  readonly archiveTimeout: number | null;
  /** Seconds. */
  readonly checkpointTimeout: number | null;
  readonly settings: ShownSettings | null;
  readonly configFiles: ConfigFiles | null;
  /** The slot of `slot_name`, a logical one too; null also when none is configured or PostgreSQL has no such slot. */
  readonly slot: SlotState | null;
  /** The names of synchronous_standby_names; `['']` when it is empty. */
  readonly synchronousStandbyNames: readonly string[] | null;
  readonly systemId: string | null;
}

/** Settings as PostgreSQL spells them. */
export interface ShownSettings {
  readonly walLevel: string;
  readonly hotStandby: string;
  readonly maxWalSenders: string;
  readonly dataChecksums: string;
  readonly maxReplicationSlots: string;
  readonly walCompression: string;
  /** PostgreSQL 13 and later. */
  readonly walKeepSize: string | null;
  /** Before PostgreSQL 13. */
  readonly walKeepSegments: string | null;
}

/** Where the configuration comes from; null is what the role may not see. */
export interface ConfigFiles {
  readonly configFile: string | null;
  readonly hbaFile: string | null;
  readonly identFile: string | null;
  /** Other files that set something. */
  readonly includedFiles: readonly string[];
}

/** The answers of the replication connection. */
export interface ReplicationStatus {
  readonly reach: Reach;
  /** Why it is silent, in the words of libpq. */
  readonly connectionError: string | null;
  readonly identity: SystemIdentity | null;
  readonly version: PostgresVersion | null;
}

/** PostgreSQL's own archiver, as the SQL connection sees it. */
export interface ArchiverStatus {
  readonly mode: string | null;
  readonly command: string | null;
  /** pg_stat_archiver. */
  readonly statistics: ArchiverStatistics | null;
}

export interface ArchiverStatistics {
  readonly archivedCount: number;
  readonly lastArchivedWal: string | null;
  readonly lastArchivedTime: Timestamp | null;
  readonly failedCount: number;
  readonly lastFailedWal: string | null;
  readonly lastFailedTime: Timestamp | null;
  readonly statsReset: Timestamp | null;
  /** null when it cannot be known: something failed and nothing was archived yet. */
  readonly isArchiving: boolean | null;
  /** Decimal text, as PostgreSQL computed it. */
  readonly archivedPerSecond: string | null;
}

/** Nobody answers. */
export const SILENT: SqlStatus = {
  reach: 'silent',
  connectionError: null,
  versionText: null,
  version: null,
  isInRecovery: null,
  isSuperuser: null,
  hasBackupPrivileges: null,
  hasMonitoringPrivileges: null,
  dataDirectory: null,
  clusterSize: null,
  currentLsn: null,
  currentWal: null,
  segmentSize: null,
  archiveTimeout: null,
  checkpointTimeout: null,
  settings: null,
  configFiles: null,
  slot: null,
  synchronousStandbyNames: null,
  systemId: null,
};
