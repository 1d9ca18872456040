/**
 * The one order of the backups of a server, oldest first: what newest, oldest, latest, previous, next and every retention
 * policy go by. An id cannot tell: it is what the clock on the wall showed, which goes back at the end of summer time and
 * when a host is moved to another zone. So the recorded moment counts, which has its offset. On one timeline of one
 * cluster the WAL position counts more: clocks go wrong, the WAL does not go back. A moment that is still to come is no
 * evidence; without any, a backup comes before all that have some. One that never began has its id only.
 */
import { epochSeconds, type Timestamp } from '../time/timestamp.ts';
import { momentOfId } from './backup-id.ts';
import { type BackupInfo, isCopyDone } from './backup-info.ts';

/** Seconds: a moment that is put back by this comes before all others and keeps its place among its kind. */
const UNBELIEVABLY_LONG_AGO = 1e12;

interface Entry {
  readonly info: BackupInfo;
  /** Timeline of a cluster; '' when the record does not tell. */
  readonly line: string;
  readonly position: bigint;
  readonly isBelieved: boolean;
  /** Seconds since 1970. */
  moment: number;
}

/** Oldest first, whatever the order they come in. */
export function inOrder(backups: readonly BackupInfo[], now: Date): readonly BackupInfo[] {
  const entries = backups.filter(hasBegun).map((info) => entryOf(info, now));
  const lines = new Map<string, Entry[]>();
  for (const entry of entries) {
    if (entry.line === '') continue;
    const line = lines.get(entry.line);
    if (line === undefined) lines.set(entry.line, [entry]);
    else line.push(entry);
  }
  for (const line of lines.values()) correct(line.sort(byPosition));
  const ordered = entries.sort(byMoment).map(({ info }) => info);
  const others = backups.filter((info) => !hasBegun(info));
  for (const info of others.toSorted((left, right) => compare(left.backupId, right.backupId))) placeById(ordered, info);
  return ordered;
}

function hasBegun({ beginTime, endTime, beginXlog, endXlog }: BackupInfo): boolean {
  return [beginTime, endTime, beginXlog, endXlog].some((fact) => fact !== null);
}

/** Behind the one with the next lower id. */
function placeById(ordered: BackupInfo[], info: BackupInfo): void {
  let behind = -1;
  for (const [place, { backupId }] of ordered.entries()) {
    if (backupId <= info.backupId && (behind < 0 || backupId >= (ordered[behind]?.backupId ?? ''))) behind = place;
  }
  ordered.splice(behind + 1, 0, info);
}

function entryOf(info: BackupInfo, now: Date): Entry {
  const { systemid, timeline } = info;
  const position = info.beginXlog ?? info.endXlog;
  const isPlaced = systemid !== null && timeline !== null && position !== null;
  const known = believed(info.beginTime ?? info.endTime, info.backupId, now);
  return {
    info,
    line: isPlaced ? `${systemid}/${timeline}` : '',
    position: isPlaced ? position : 0n,
    isBelieved: known !== null,
    moment: known ?? recordedMoment(info) - UNBELIEVABLY_LONG_AGO,
  };
}

/** The recorded moment, else that of the id, whichever is not still to come: the database host has another clock than ours. */
function believed(recorded: Timestamp | null, backupId: string, now: Date): number | null {
  const today = now.getTime() / 1000;
  if (recorded !== null && epochSeconds(recorded) <= today) return epochSeconds(recorded);
  const moment = momentOfId(backupId, now);
  return moment <= today ? moment : null;
}

function recordedMoment({ beginTime, endTime }: BackupInfo): number {
  const recorded = beginTime ?? endTime;
  return recorded === null ? 0 : epochSeconds(recorded);
}

/** Backups of one line, by position: none is later than the one behind it. */
function correct(line: readonly Entry[]): void {
  for (const isBelieved of [true, false]) {
    let limit = Number.POSITIVE_INFINITY;
    for (const entry of line.toReversed()) {
      if (entry.isBelieved !== isBelieved) continue;
      limit = Math.min(limit, entry.moment);
      entry.moment = limit;
    }
  }
  let before = Number.NEGATIVE_INFINITY;
  for (const entry of line) {
    before = Math.max(before, entry.moment);
    entry.moment = before;
  }
}

function byPosition(left: Entry, right: Entry): number {
  if (left.position !== right.position) return left.position < right.position ? -1 : 1;
  return left.moment - right.moment || compare(left.info.backupId, right.info.backupId);
}

function byMoment(left: Entry, right: Entry): number {
  if (left.moment !== right.moment) return left.moment - right.moment;
  if (left.line !== right.line) return compare(left.line, right.line);
  if (left.position !== right.position) return left.position < right.position ? -1 : 1;
  return compare(left.info.backupId, right.info.backupId);
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

/**
 * The nearest backups before and after this one that can be restored; `backups` are in order. One that is not among them is
 * behind them all.
 */
export function neighbours(
  backupId: string,
  backups: readonly BackupInfo[],
): { readonly previous: BackupInfo | undefined; readonly next: BackupInfo | undefined } {
  const { earlier, later } = around(backupId, backups);
  return { previous: earlier.findLast(isCopyDone), next: later.find(isCopyDone) };
}

/** What comes before and after this backup in a list that is in order. */
export function around(
  backupId: string,
  backups: readonly BackupInfo[],
): { readonly earlier: readonly BackupInfo[]; readonly later: readonly BackupInfo[] } {
  const place = backups.findIndex((backup) => backup.backupId === backupId);
  if (place < 0) return { earlier: backups, later: [] };
  return { earlier: backups.slice(0, place), later: backups.slice(place + 1) };
}

/** Seconds since 1970 at which a backup ended, as far as that can be believed now; null when it cannot. */
export function believedEnd({ endTime, backupId }: BackupInfo, now: Date): number | null {
  return endTime === null ? null : believed(endTime, backupId, now);
}

/** When the newest of some backups ended, and the newer ones that end in the future: they say nothing about its age. */
export interface LastEnd {
  /** Seconds since 1970; null when there is none to be believed. */
  readonly seconds: number | null;
  /** The newest first. */
  readonly fromTheFuture: readonly string[];
}

/** `backups` are those that count, in order. */
export function lastEnd(backups: readonly BackupInfo[], now: Date): LastEnd {
  const fromTheFuture: string[] = [];
  for (const info of backups.toReversed()) {
    const seconds = believedEnd(info, now);
    if (seconds !== null) return { seconds, fromTheFuture };
    if (info.endTime !== null) fromTheFuture.push(info.backupId);
  }
  return { seconds: null, fromTheFuture };
}
