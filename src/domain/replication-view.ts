/**
 * How a client of pg_stat_replication is seen: what it is and how far it follows. Source: docs/behaviour/check.md 4.
 */
import type { Lsn } from './wal/lsn.ts';
import type { Timestamp } from './time/timestamp.ts';

export interface Positions {
  readonly currentLsn: Lsn | null;
  readonly sentLsn: Lsn | null;
  readonly writeLsn: Lsn | null;
  readonly flushLsn: Lsn | null;
  readonly replayLsn: Lsn | null;
}

/** One client of the server, as replication-status shows it. */
export interface StreamingClient extends Positions {
  readonly pid: number;
  readonly userName: string | null;
  readonly applicationName: string | null;
  /** null over a Unix socket. */
  readonly clientAddr: string | null;
  readonly clientHostname: string | null;
  readonly clientPort: number | null;
  readonly backendStart: Timestamp;
  readonly backendXmin: string | null;
  readonly state: string | null;
  readonly syncPriority: number;
  readonly syncState: string;
  readonly slotName: string | null;
}

/** A client that replays nothing only stores WAL: pg_receivewal. */
export function isWalStreamer(positions: Positions): boolean {
  return positions.replayLsn === null;
}

/** Bytes from the server's position to the client's: 0 or negative. */
export function lsnDiff(position: Lsn, current: Lsn | null): bigint {
  return current === null ? 0n : position - current;
}

/** `3/5 Remote write`: the last stage that the client has reached. */
export function syncStage(positions: Positions): string {
  const reached = (position: Lsn | null) => position !== null && lsnDiff(position, positions.currentLsn) === 0n;
  const isStandby = !isWalStreamer(positions);
  const last = isStandby ? 5 : 3;
  if (isStandby && reached(positions.replayLsn)) return '5/5 Hot standby (max)';
  if (isStandby && reached(positions.flushLsn)) return '4/5 2-safe';
  if (reached(positions.writeLsn)) return `3/${last} Remote write`;
  if (reached(positions.sentLsn)) return `2/${last} WAL Sent (min)`;
  return `1/${last} 1-safe`;
}
