/**
 * A release of PostgreSQL or of one of its client programs, and what it can do: nothing else compares version numbers.
 * Source: the release notes of PostgreSQL 9.4 to 18.
 */

declare const versionBrand: unique symbol;
/** A server_version_num: 150018 is 15.18, 90624 is 9.6.24. */
export type PostgresVersion = number & { readonly [versionBrand]: true };

/** The first release that has it. */
const SINCE = {
  // Barman's limits.
  /** A client program that Barman judges at all. */
  judgedClient: 90_300,
  /** Can be backed up. */
  backup: 90_600,

  // The server.
  autoConf: 90_400,
  /** pg_wal, pg_current_wal_lsn, pg_walfile_name; pg_xlog, ..._location, pg_xlogfile_name before. */
  walNames: 100_000,
  /** pg_monitor and its parts; who is no superuser sees little before. */
  monitoringRoles: 100_000,
  /** pg_stop_backup(exclusive, wait_for_archive). */
  stopWithoutWaiting: 100_000,
  /** wal_segment_size in bytes; in blocks before. */
  segmentSizeInBytes: 110_000,
  walKeepSize: 130_000,
  /** pg_basebackup leaves one in every backup. */
  backupManifest: 130_000,
  /** pg_stat_progress_basebackup. */
  backupProgress: 130_000,
  idleSessionTimeout: 140_000,
  /** pg_backup_start and pg_backup_stop; pg_start_backup and pg_stop_backup before. */
  backupStart: 150_000,
  /** BASE_BACKUP compresses. */
  serverCompression: 150_000,
  /** READ_REPLICATION_SLOT, by which pg_receivewal begins at the position of its slot. */
  readsSlotPosition: 150_000,
  walSummaries: 170_000,
  incrementalBackup: 170_000,
  /** pg_walfile_name counts a position between two segments to the next one; to the one before until then. */
  boundaryInNextSegment: 170_000,

  // Recovery.
  targetImmediate: 90_400,
  /** recovery_target_action; pause_at_recovery_target before. */
  targetAction: 90_500,
  targetLsn: 100_000,
  /** Settings of the recovery among all others, and a signal file; recovery.conf before. */
  recoverySignal: 120_000,
  /** recovery_target_timeline is `latest` unless told; the timeline of the backup before. */
  followsLatestTimeline: 120_000,

  // Client programs.
  receiveWithSlot: 90_400,
  receiveSynchronously: 90_500,
  /** pg_basebackup --max-rate and --tablespace-mapping. */
  basebackupMapping: 90_400,
  /** pg_basebackup --no-slot, --no-sync and --wal-method=none. */
  basebackupWithoutWal: 100_000,
  /** pg_basebackup --compress=METHOD:DETAIL; gzip with a level before. */
  basebackupCompressionMethods: 150_000,
  /** pg_verifybackup reads archives. */
  verifiesTar: 180_000,
} as const;

/** The first release that has it no more. */
const UNTIL = {
  exclusiveBackup: 150_000,
} as const;

export type PostgresFeature = keyof typeof SINCE | keyof typeof UNTIL;

/** Brands a server_version_num. */
export function postgresVersion(number: number): PostgresVersion {
  return number as PostgresVersion;
}

/** Reads `15.18 (Debian ...)`, `9.6.24`, `18beta1` as libpq's PQserverVersion does; undefined when it is no version. */
export function parsePostgresVersion(text: string): PostgresVersion | undefined {
  const match = /^(\d+)(?:\.(\d+))?(?:\.(\d+))?/.exec(text);
  if (!match) return undefined;
  const [major, minor, patch] = [Number(match[1]), Number(match[2] ?? 0), Number(match[3] ?? 0)];
  return postgresVersion(major * 10_000 + (major >= 10 ? minor : minor * 100 + patch));
}

export function has(version: PostgresVersion, feature: PostgresFeature): boolean {
  if (feature in UNTIL) return version < UNTIL[feature as keyof typeof UNTIL];
  return version >= SINCE[feature as keyof typeof SINCE];
}

/** The first release that has it, for messages: `10`, `9.4`. */
export function firstWith(feature: keyof typeof SINCE): string {
  return majorText(postgresVersion(SINCE[feature]));
}

/** `15`, `9.6`: as in PG_VERSION and in the name of a tablespace's version directory. */
export function majorText(version: PostgresVersion): string {
  const first = Math.floor(version / 10_000);
  return first >= 10 ? String(first) : `${first}.${Math.floor(version / 100) % 100}`;
}

/** Whether a client program is of the server's major release or a later one: an older one cannot be trusted. */
export function isOfReleaseOrLater(client: PostgresVersion, server: PostgresVersion): boolean {
  return majorOf(client) >= majorOf(server);
}

/** On one scale with server_version_num: 150018 -> 150000, 90624 -> 90600. */
function majorOf(version: PostgresVersion): number {
  return version >= 100_000 ? version - (version % 10_000) : version - (version % 100);
}

/** Of PGDATA. */
export function walDirectoryName(version: PostgresVersion): 'pg_wal' | 'pg_xlog' {
  return has(version, 'walNames') ? 'pg_wal' : 'pg_xlog';
}
