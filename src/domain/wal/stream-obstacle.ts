/**
 * What keeps receive-wal from streaming, and what to type next: one table for receive-wal, its --test, --create-slot and --reset,
 * and for `check`. A cause is seen before the start (in the slot, in the files received so far) or in the words of pg_receivewal.
 */
import type { SlotState } from './replication-slot.ts';

interface Cause {
  /** A line of pg_receivewal that tells it. */
  readonly pattern: RegExp;
  readonly remedy: (server: string) => string;
}

const CAUSES = {
  'no slot': {
    pattern: /replication slot "[^"]*" does not exist/,
    remedy: (server) => `run "barman receive-wal --create-slot ${server}"`,
  },
  'logical slot': {
    pattern: /cannot use .*\ba logical replication slot/,
    remedy: (server) =>
      `give slot_name another value in the section [${server}] of the configuration and run "barman receive-wal --create-slot ${server}"`,
  },
  // Up to PostgreSQL 17 a receiver may go on with it, and it is a good one again, where the WAL is still there.
  'lost slot': {
    pattern:
      /can no longer (?:access|get changes from) replication slot|replication slot .* (?:has been|was) invalidated/,
    remedy: (server) =>
      `run "barman receive-wal --drop-slot ${server}", "barman receive-wal --create-slot ${server}" and ` +
      `"barman receive-wal --reset ${server}", then "barman backup ${server}": WAL is missing between the backups and the new slot`,
  },
  'slot in use': {
    pattern: /replication slot "[^"]*" is active for PID \d+/,
    remedy: () =>
      'stop the other receiver (it may be an older one that PostgreSQL has not missed yet: see wal_sender_timeout); ' +
      'pg_stat_replication shows its address',
  },
  'removed WAL': {
    pattern: /requested WAL segment [0-9A-F]+ has already been removed/,
    remedy: (server) =>
      `run "barman receive-wal --reset ${server}", which goes on with the oldest WAL that PostgreSQL still has and names what ` +
      `is missing, then "barman backup ${server}"`,
  },
  'other history': {
    pattern: /is not in this server's history/,
    remedy: (server) =>
      `run "barman receive-wal --reset ${server}", which keeps what was received and goes on where the server's history left it`,
  },
  'ahead of the server': {
    pattern: /is ahead of the WAL flush position of this server/,
    remedy: (server) =>
      'if it is a standby that lags, wait; if it was put back to an earlier state, its WAL contradicts the archive: recover it ' +
      `onto a new timeline and run "barman receive-wal --reset ${server}", or make it a server of its own in the configuration`,
  },
  'no space': {
    pattern: /No space left on device/,
    remedy: (server) => `make space in streaming_wals_directory of server '${server}'; cron starts receive-wal again`,
  },
} as const satisfies Readonly<Record<string, Cause>>;

export type StreamCause = keyof typeof CAUSES;

export interface StreamObstacle {
  readonly cause: StreamCause;
  readonly words: string;
}

/** What to type next. */
export function remedyFor(cause: StreamCause, server: string): string {
  return CAUSES[cause].remedy(server);
}

/** The cause that a line of pg_receivewal tells; undefined for any other line. */
export function causeIn(line: string): StreamCause | undefined {
  const causes = Object.entries(CAUSES) as [StreamCause, Cause][];
  return causes.find(([, { pattern }]) => pattern.test(line))?.[0];
}

/** What is wrong with the slot `name`, whether or not somebody uses it; null when nothing is. `slot` is null when there is none. */
export function slotObstacle(name: string, slot: SlotState | null): StreamObstacle | null {
  if (slot === null) return { cause: 'no slot', words: `replication slot '${name}' doesn't exist` };
  if (!slot.isPhysical) {
    return {
      cause: 'logical slot',
      words: `'${name}' is a logical replication slot, receive-wal needs a physical one`,
    };
  }
  if (slot.lost === null) return null;
  return {
    cause: 'lost slot',
    words: `replication slot '${name}' is lost: PostgreSQL has invalidated it (${slot.lost})`,
  };
}

/** The slot belongs to another receiver; the reference's words. */
export function usedSlot(name: string): StreamObstacle {
  return { cause: 'slot in use', words: `replication slot '${name}' is already in use` };
}

/** Words and remedy in one line, for a check. */
export function obstacleLine({ cause, words }: StreamObstacle, server: string): string {
  // The sentence of the reference.
  if (cause === 'no slot') return `${words}. Please execute 'barman receive-wal --create-slot ${server}'`;
  return `${words}: ${remedyFor(cause, server)}`;
}
