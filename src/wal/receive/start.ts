/** Where receive-wal would go on now, whether PostgreSQL can send from there, and where it could instead. */
import { listNames } from '../../host/files.ts';
import { PostgresError } from '../../domain/errors.ts';
import { has } from '../../domain/postgres-version.ts';
import type { StreamObstacle } from '../../domain/wal/stream-obstacle.ts';
import {
  newestReceived,
  segmentAt,
  segmentsFrom,
  type ServerHistory,
  startAfter,
  startObstacle,
  type StreamStart,
} from '../../domain/wal/stream-start.ts';
import { parseTimelineHistory } from '../../domain/wal/timeline-history.ts';
import { lsnOfSegment, segmentOfLsn, timelineName } from '../../domain/wal/wal.ts';
import type { ServerScope } from '../../server/scope.ts';
import { segmentSizeOf, type ServerStatus } from '../../server/server-status.ts';

/** What keeps receive-wal, which does not run, from going on; null also where nobody can tell. */
export async function obstacleToStart(scope: ServerScope, status: ServerStatus): Promise<StreamObstacle | null> {
  const newest = newestReceived(await listNames(scope.config.streamingWalsDirectory));
  if (newest === undefined) return null;
  try {
    const server = await serverHistory(scope, status);
    if (server === null) return null;
    const size = segmentSizeOf(status);
    const start = startAfter(newest, size);
    const obstacle = startObstacle(start, server);
    if (obstacle !== null) return obstacle;
    const { removed, isSeen } = await firstKept(scope, status, server, start);
    const [first] = removed;
    if (first === undefined || !isSeen) return null;
    const cause = status.sql.slot?.lost == null ? 'removed WAL' : 'lost slot';
    return { cause, words: `PostgreSQL has removed ${nameOf(first, size)} before it was received` };
  } catch (error) {
    if (error instanceof PostgresError) return null;
    throw error;
  }
}

/** null when PostgreSQL does not answer. @throws PostgresError, WalError for a history that cannot be read */
export async function serverHistory(
  { streaming }: ServerScope,
  { replication: { identity } }: ServerStatus,
): Promise<ServerHistory | null> {
  if (streaming === null || identity === null) return null;
  const { timeline, xlogpos } = identity;
  const switches =
    timeline === 1
      ? []
      : parseTimelineHistory(await streaming.timelineHistory(timeline), `${timelineName(timeline)}.history`);
  return { timeline, switches, flushed: xlogpos };
}

/** Where pg_receivewal begins with these files; without any at the position of its slot, where it can ask for that, or at the end. */
export function ownStart(names: readonly string[], status: ServerStatus, server: ServerHistory): StreamStart {
  const size = segmentSizeOf(status);
  const newest = newestReceived(names);
  if (newest !== undefined) return startAfter(newest, size);
  const versions = [status.replication.version, status.receiver?.program?.version];
  const asksSlot = versions.every((version) => version != null && has(version, 'readsSlotPosition'));
  return segmentAt((asksSlot ? status.sql.slot?.restartLsn : null) ?? server.flushed, server, size);
}

export interface KeptStart {
  /** The one that was asked about, or the first from which on PostgreSQL has everything. */
  readonly start: StreamStart;
  /** The segments before it, from the one that was asked about on. */
  readonly removed: readonly StreamStart[];
  /** False where the role may not see pg_wal: the server may have more than it lets us know. */
  readonly isSeen: boolean;
}

/** From where PostgreSQL still has its WAL. @throws PostgresError */
export async function firstKept(
  { postgres }: ServerScope,
  status: ServerStatus,
  server: ServerHistory,
  wanted: StreamStart,
): Promise<KeptStart> {
  const size = segmentSizeOf(status);
  const kept = await postgres?.keptWal();
  if (kept === undefined) return { start: wanted, removed: [], isSeen: false };
  const { names, redo } = kept;
  const { slot } = status.sql;
  const bounds = [redo && lsnOfSegment(redo, size), slot?.restartLsn ?? null].filter((bound) => bound !== null);
  const isKept = (segment: StreamStart) =>
    names === null ? bounds.some((bound) => segment.lsn + BigInt(size) > bound) : names.has(nameOf(segment, size));
  const segments = [...segmentsFrom(wanted.lsn, server, size)];
  const last = segments.findLastIndex((segment) => !isKept(segment));
  const start = last < 0 ? wanted : (segments[last + 1] ?? segmentAt(server.flushed, server, size));
  return { start, removed: segments.slice(0, last + 1), isSeen: names !== null };
}

export function nameOf({ timeline, lsn }: StreamStart, segmentSize: number): string {
  return segmentOfLsn(timeline, lsn, segmentSize).name;
}
