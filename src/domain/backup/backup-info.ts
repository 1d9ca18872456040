/**
 * The record of one base backup, as kept in `meta/<id>-backup.info`. The text form is owned by backup-info-file.ts.
 * Source: docs/behaviour/catalog.md 3 and 4.
 */
import type { Lsn } from '../wal/lsn.ts';
import type { PostgresVersion } from '../postgres-version.ts';

export type BackupStatus = 'EMPTY' | 'STARTED' | 'WAITING_FOR_WALS' | 'DONE' | 'FAILED' | 'SYNCING';
export type BackupType = 'full' | 'incremental' | 'rsync' | 'snapshot';

export interface Tablespace {
  readonly name: string;
  readonly oid: number;
  readonly location: string;
}

/**
 * A moment with the offset PostgreSQL reported, microseconds kept: Barman shows times in the stored offset.
 * `epochMicros` is microseconds since 1970 UTC, `offsetMinutes` the zone east of UTC.
 */
export interface Timestamp {
  readonly epochMicros: bigint;
  readonly offsetMinutes: number;
}

/** A Python literal of the file format: copy_stats, snapshots_info. */
export type Literal = null | boolean | number | string | readonly Literal[] | { readonly [key: string]: Literal };

export interface BackupInfo {
  /** Not stored in the file: it comes from the file name. `YYYYMMDDThhmmss`. */
  readonly backupId: string;
  readonly serverName: string | null;
  readonly status: BackupStatus;
  readonly mode: string | null;
  readonly backupName: string | null;
  readonly systemid: string | null;
  readonly version: PostgresVersion | null;
  readonly pgdata: string | null;
  readonly timeline: number | null;
  readonly beginTime: Timestamp | null;
  readonly beginXlog: Lsn | null;
  readonly beginWal: string | null;
  readonly beginOffset: number | null;
  readonly endTime: Timestamp | null;
  readonly endXlog: Lsn | null;
  readonly endWal: string | null;
  readonly endOffset: number | null;
  /** Bytes on disk of `base/<id>`; and of its files that have one link only. */
  readonly size: number | null;
  readonly deduplicatedSize: number | null;
  /** Bytes, as PostgreSQL counts its tablespaces. */
  readonly clusterSize: number | null;
  /** Bytes of one WAL segment. */
  readonly xlogSegmentSize: number;
  readonly tablespaces: readonly Tablespace[] | null;
  readonly configFile: string | null;
  readonly hbaFile: string | null;
  readonly identFile: string | null;
  readonly includedFiles: readonly string[] | null;
  readonly backupLabel: string | null;
  readonly copyStats: { readonly [key: string]: Literal } | null;
  readonly compression: string | null;
  readonly encryption: string | null;
  readonly dataChecksums: string | null;
  readonly summarizeWal: string | null;
  readonly parentBackupId: string | null;
  readonly childrenBackupIds: readonly string[] | null;
  readonly snapshotsInfo: { readonly [key: string]: Literal } | null;
  /** One line: why a FAILED backup failed. */
  readonly error: string | null;
}

/** A record with every field unset: what Barman saves first. */
export function emptyBackupInfo(backupId: string): BackupInfo {
  return {
    backupId,
    serverName: null,
    status: 'EMPTY',
    mode: null,
    backupName: null,
    systemid: null,
    version: null,
    pgdata: null,
    timeline: null,
    beginTime: null,
    beginXlog: null,
    beginWal: null,
    beginOffset: null,
    endTime: null,
    endXlog: null,
    endWal: null,
    endOffset: null,
    size: null,
    deduplicatedSize: null,
    clusterSize: null,
    xlogSegmentSize: 16_777_216,
    tablespaces: null,
    configFile: null,
    hbaFile: null,
    identFile: null,
    includedFiles: null,
    backupLabel: null,
    copyStats: null,
    compression: null,
    encryption: null,
    dataChecksums: null,
    summarizeWal: null,
    parentBackupId: null,
    childrenBackupIds: null,
    snapshotsInfo: null,
    error: null,
  };
}

/** Full, incremental, rsync or snapshot: derived from mode and parent, never stored. */
export function backupType(info: BackupInfo): BackupType {
  if (info.mode?.startsWith('snapshot')) return 'snapshot';
  if (info.mode?.startsWith('rsync')) return 'rsync';
  return info.parentBackupId === null ? 'full' : 'incremental';
}

/** The copy ended: the backup has data, though perhaps not yet all its WAL. */
export function isCopyDone(info: BackupInfo): boolean {
  return info.status === 'DONE' || info.status === 'WAITING_FOR_WALS';
}

const BACKUP_ID = /^\d{8}T\d{6}$/;

/** True for the shape `YYYYMMDDThhmmss`; only such a text may ever become part of a path. */
export function isBackupId(text: string): boolean {
  return BACKUP_ID.test(text);
}
