/**
 * The judgements behind `barman check`: plain facts in, verdict out. The words are Barman's.
 * Source: docs/behaviour/check.md 1.1.
 */
import type { LastEnd } from './backup/backup-order.ts';
import { humanDuration } from './time/duration.ts';
import { prettySize } from './text/size.ts';
import type { SlotState } from './wal/replication-slot.ts';
import { obstacleLine, slotObstacle } from './wal/stream-obstacle.ts';
import { parseWalName, type WalFile } from './wal/wal.ts';
import type { WalRecord } from './wal/xlogdb.ts';

/** What a check found; `name` only when a failure goes by another name. */
export interface Verdict {
  readonly ok: boolean;
  readonly hint?: string;
  readonly name?: string;
  /** Bytes, for Nagios. */
  readonly bytes?: number;
}

/** A check that has nothing to say: no line at all. */
export type MaybeVerdict = Verdict | null;

/**
 * A file may be dated this much later than now, seconds: the database host, whose times are kept, has its own clock. What is
 * later still was dated by a clock that was wrong, and says nothing about its age.
 */
const CLOCKS_APART = 3600;

/** Age of the newest complete copy. `maximum` (null when unset) and `now` in seconds. */
export function judgeBackupAge(maximum: number | null, last: LastEnd, now: number): Verdict {
  if (maximum === null) return { ok: true, hint: 'no last_backup_maximum_age provided' };
  const interval = `interval provided: ${humanDuration(maximum)}, latest backup age: `;
  const age = last.seconds === null ? null : now - last.seconds;
  const words = age === null ? 'No available backups' : humanDuration(age);
  const [future] = last.fromTheFuture;
  const doubt =
    future === undefined ? '' : ` (backup ${future} is dated in the future and does not count: see to the clocks)`;
  return { ok: age !== null && age <= maximum, hint: interval + words + doubt };
}

/** Bytes of the newest backup against last_backup_minimum_size. */
export function judgeBackupSize(minimum: number | null, bytes: number): Verdict {
  if (minimum === null) return { ok: true, hint: prettySize(bytes), bytes };
  const ok = bytes >= minimum;
  return { ok, hint: `last backup size ${prettySize(bytes)} ${ok ? '>' : '<'} ${prettySize(minimum)} minimum`, bytes };
}

/** Age of the last WAL of the newest backup, seconds. */
export function judgeWalAge(maximum: number | null, { lastTime, fromTheFuture }: WalUsage, now: number): Verdict {
  if (maximum === null) return { ok: true, hint: 'no last_wal_maximum_age provided' };
  const doubt =
    fromTheFuture === null ? '' : ` (${fromTheFuture} is dated in the future and does not count: see to the clocks)`;
  if (lastTime === null) return { ok: false, hint: `No WAL files archived for last backup${doubt}` };
  const age = now - lastTime;
  return {
    ok: age <= maximum,
    hint: `interval provided: ${humanDuration(maximum)}, latest wal age: ${humanDuration(age)}${doubt}`,
  };
}

export function judgeFailedBackups(count: number): Verdict {
  return { ok: count === 0, hint: `there are ${count} failed backups` };
}

/** `count`: complete backups that are not incremental. */
export function judgeRedundancy(count: number, minimum: number): Verdict {
  return { ok: count >= minimum, hint: `have ${count} non-incremental backups, expected at least ${minimum}` };
}

/** The queue of an archiver: files that wait in its directory. */
export function judgeQueue(
  queue: { readonly directory: string; readonly option: 'archiver' | 'streaming_archiver'; readonly enabled: boolean },
  waiting: number,
  maximum: number | null,
): MaybeVerdict {
  if (!queue.enabled) {
    return waiting === 0 ? null : { ok: false, hint: `'${queue.directory}' must be empty when ${queue.option}=off` };
  }
  if (maximum === null || waiting <= maximum) return null;
  return { ok: false, hint: `there are too many WALs in queue: ${waiting}, max ${maximum}` };
}

/** True for a name that counts as waiting in an archiver's directory. */
export function isWaitingName(name: string): boolean {
  return !name.startsWith('.') && !name.endsWith('.tmp') && !name.endsWith('.partial');
}

/** Two answers about the system id, and the one we remember. */
export function judgeSystemId(known: {
  readonly streaming: string | null;
  readonly sql: string | null;
  /** null when identity.json is not there. */
  readonly stored: string | null;
  readonly path: string;
}): Verdict {
  const { streaming, sql, stored } = known;
  if (streaming !== null && sql !== null && streaming !== sql) {
    return {
      ok: false,
      hint: 'is the streaming DSN targeting the same server of the PostgreSQL connection string?',
    };
  }
  const current = streaming ?? sql;
  if (current === null) return { ok: true, hint: 'no system Id available' };
  if (stored === null) return { ok: true, hint: 'no system Id stored on disk' };
  if (stored === current) return { ok: true };
  return {
    ok: false,
    hint: `the system Id of the connected PostgreSQL server changed, stored in "${known.path}"`,
  };
}

/** The replication slot as check sees it; `state` is null when there is none. */
export function judgeSlot(
  slot: { readonly name: string; readonly server: string; readonly needed: boolean },
  state: SlotState | null,
): MaybeVerdict {
  if (!slot.needed) {
    if (state === null || !state.isPhysical || state.restartLsn === null) return null;
    const word = state.active ? 'active' : 'initialised';
    return { ok: true, hint: `WARNING: slot '${slot.name}' is ${word} but not required by the current config` };
  }
  const obstacle = slotObstacle(slot.name, state);
  if (obstacle !== null) return { ok: false, hint: obstacleLine(obstacle, slot.server) };
  if (state?.restartLsn === null) {
    return { ok: false, hint: `slot '${slot.name}' not initialised: is 'receive-wal' running?` };
  }
  if (!state?.active) return { ok: false, hint: `slot '${slot.name}' not active: is 'receive-wal' running?` };
  return { ok: true };
}

const REJECT_WORDS: Readonly<Record<string, string>> = {
  error: 'not relevant',
  duplicate: 'duplicates',
  unknown: 'unknown',
};

/** The files of the errors directory, counted by kind in the order in which the kinds first turn up. */
export function judgeRejects(names: readonly string[]): Verdict {
  const counts = new Map<string, number>();
  for (const name of names) {
    const word = REJECT_WORDS[name.slice(name.lastIndexOf('.') + 1)] ?? 'unknown failure';
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  if (counts.size === 0) return { ok: true };
  return { ok: false, hint: [...counts].map(([word, count]) => `${word}: ${count}`).join(', ') };
}

/** What the newest backup has in the WAL archive. */
export interface WalUsage {
  /** Bytes of the segments after its end. */
  readonly bytesAfter: number;
  /** Modification time of its last segment in index order, seconds since 1970; null when it has none. */
  readonly lastTime: number | null;
  /** The last one that was dated in the future, when that is why `lastTime` is that of an earlier one. */
  readonly fromTheFuture: string | null;
}

/**
 * Adds up the index lines of the newest backup: plain segments of its own timeline from `beginWal` on. compat 3.20.1: the
 * last line counts, not the newest file, and later timelines are not seen. `now`: seconds since 1970.
 */
export function walUsageOf(
  beginWal: string,
  endWal: string,
  now: number,
): { readonly visit: (record: WalRecord) => void; readonly usage: () => WalUsage } {
  const timeline = parseWalName(beginWal)?.timeline;
  let bytesAfter = 0;
  let lastTime: number | null = null;
  let fromTheFuture: string | null = null;
  return {
    visit: (record) => {
      // The text comparison comes first: it dismisses most of a long index without taking the name apart.
      if (record.name < beginWal || record.name.length !== beginWal.length) return;
      const file: WalFile | undefined = parseWalName(record.name);
      if (file?.kind !== 'segment' || file.timeline !== timeline) return;
      if (record.time > now + CLOCKS_APART) fromTheFuture = record.name;
      else {
        lastTime = record.time;
        fromTheFuture = null;
      }
      if (record.name > endWal) bytesAfter += record.size;
    },
    usage: () => ({ bytesAfter, lastTime, fromTheFuture }),
  };
}
