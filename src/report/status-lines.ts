/** The state of a server in the lines of `barman status`. Source: docs/behaviour/check.md 3, docs/behaviour/cli.md 6.4. */
import { fixedText } from '../domain/text/fixed-text.ts';
import { prettySize } from '../domain/text/size.ts';
import { ctime } from '../domain/time/timestamp.ts';
import type { Timestamp } from '../domain/time/timestamp.ts';
import type { StatusItem } from '../output/results/status.ts';
import type { ArchiverStatistics, ArchiverStatus, SqlStatus } from '../postgres/status.ts';
import type { ServerStatus } from '../server/server-status.ts';

export function statusLines({ sql, archiver }: ServerStatus): StatusItem[] {
  const { versionText } = sql;
  if (versionText === null)
    return [item('pg_version', 'PostgreSQL version', 'FAILED trying to get PostgreSQL version')];
  return [item('pg_version', 'PostgreSQL version', versionText), ...clusterLines(sql), ...archiverLines(archiver)];
}

function clusterLines({ isInRecovery, clusterSize, dataDirectory, currentWal }: SqlStatus): StatusItem[] {
  return [
    item('is_in_recovery', 'Cluster state', isInRecovery === true ? 'in archive recovery' : 'in production'),
    ...(clusterSize === null ? [] : [item('current_size', 'Current data size', prettySize(Number(clusterSize)))]),
    ...(dataDirectory === null ? [] : [item('data_directory', 'PostgreSQL Data directory', dataDirectory)]),
    ...(currentWal === null ? [] : [item('current_xlog', 'Current WAL segment', currentWal)]),
  ];
}

function archiverLines(archiver: ArchiverStatus | null): StatusItem[] {
  if (archiver === null || archiver.mode === null) return [];
  const { command, statistics } = archiver;
  const lastWal = statistics?.lastArchivedWal ?? null;
  const perHour = Number(statistics?.archivedPerSecond ?? 0) * 3600;
  return [
    item(
      'archive_command',
      "PostgreSQL 'archive_command' setting",
      command === null || command === '' ? 'FAILED (please set it accordingly to documentation)' : command,
    ),
    item(
      'last_archived_wal',
      'Last archived WAL',
      lastWal === null ? 'No WAL segment shipped yet' : `${lastWal}, at ${shown(statistics?.lastArchivedTime)}`,
    ),
    ...(statistics === null ? [] : [item('failed_count', 'Failures of WAL archiver', failures(statistics))]),
    ...(perHour === 0
      ? []
      : [item('server_archived_wals_per_hour', 'Server WAL archiving rate', `${fixedText(perHour, 2)}/hour`)]),
  ];
}

function failures({ failedCount, lastFailedWal, lastFailedTime }: ArchiverStatistics): string {
  if (lastFailedWal === null) return String(failedCount);
  return `${failedCount} (${lastFailedWal} at ${shown(lastFailedTime)})`;
}

/** In the zone of the session that told it. */
function shown(time: Timestamp | null | undefined): string {
  return time ? ctime(time) : 'None';
}

function item(key: string, description: string, message: string): StatusItem {
  return { key, description, message };
}
