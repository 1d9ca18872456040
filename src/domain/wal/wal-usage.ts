/**
 * How much WAL belongs to each backup, for all backups in one pass over the index.
 * Source: docs/behaviour/catalog.md 10.
 *
 * The names at which anything changes for any backup (its first segment, its last one, the last one of the next backup,
 * the timelines) cut the name space into intervals. Inside one interval every line concerns the same backups, so a line
 * costs two comparisons and three additions, and the backups are looked at only when a line falls into another interval.
 */
import { type BackupInfo, isCopyDone } from '../backup/backup-info.ts';
import { parseWalName, segmentName } from './wal.ts';
import type { WalRecord } from './xlogdb.ts';

export interface WalAmount {
  readonly count: number;
  /** Bytes as stored. */
  readonly bytes: number;
}

export interface WalUsage {
  /** What makes the backup consistent: begin_wal to end_wal. */
  readonly required: WalAmount;
  /** From there to the end of the next backup, or to the end of the archive. */
  readonly untilNext: WalAmount;
  /** When begin_wal was written, seconds since 1970; null when it is not in the index. */
  readonly firstTime: number | null;
  readonly last: { readonly name: string; readonly time: number } | null;
}

export const NO_WAL: WalUsage = {
  required: { count: 0, bytes: 0 },
  untilNext: { count: 0, bytes: 0 },
  firstTime: null,
  last: null,
};

export interface WalUsageMeter {
  /** To be given every line of the index in file order; false when no later line can matter. */
  readonly visit: (record: WalRecord) => boolean;
  /** The usage of every measured backup by id. Call once, at the end. */
  readonly finish: () => ReadonlyMap<string, WalUsage>;
}

/** The WAL rate in segments per second, or 0 when there is nothing to divide by. */
export function walRate(usage: WalUsage): number {
  if (usage.firstTime === null || usage.last === null) return 0;
  const seconds = usage.last.time - usage.firstTime;
  return seconds > 0 ? (usage.required.count + usage.untilNext.count) / seconds : 0;
}

/** The share of space that compression saves; 0 when there is no WAL or the first segment is not in the index. */
export function walCompressionRatio(amount: WalAmount, usage: WalUsage, segmentSize: number): number {
  if (usage.firstTime === null || amount.count === 0 || segmentSize === 0) return 0;
  return 1 - amount.bytes / (amount.count * segmentSize);
}

/** One backup while it is being measured. */
interface Account {
  readonly id: string;
  readonly begin: string;
  readonly end: string;
  /** end_wal of the next backup; '' when there is none: then everything to the end counts. */
  readonly limit: string;
  readonly timeline: number;
  requiredCount: number;
  requiredBytes: number;
  laterCount: number;
  laterBytes: number;
  firstTime: number | null;
  last: { name: string; time: number } | null;
  /** A line beyond the limit was seen: compat 3.20.1, the rest of the file is not looked at. */
  isClosed: boolean;
}

interface Interval {
  /** Names from `low` to just before `high`; '' as `high` has no bound. */
  readonly low: string;
  readonly high: string;
  readonly accounts: readonly { readonly account: Account; readonly isRequired: boolean; readonly isFirst: boolean }[];
  /** Those that the first line in this interval closes. */
  readonly closes: readonly Account[];
}

/** Measures `wanted` (all backups with a finished copy when not given) among `backups`, which are in order. */
export function walUsageMeter(backups: readonly BackupInfo[], wanted?: ReadonlySet<string>): WalUsageMeter {
  const accounts = openAccounts(backups, wanted);
  const intervals = cutIntervals(accounts);
  let open = accounts.length;
  let current: Interval = { low: '', high: '', accounts: [], closes: [] };
  let low = '\uffff';
  let high = '';
  let count = 0;
  let bytes = 0;
  let lastName = '';
  let lastTime = 0;

  const settle = () => {
    if (count === 0) return;
    for (const { account, isRequired, isFirst } of current.accounts) {
      if (account.isClosed) continue;
      if (isRequired) {
        account.requiredCount += count;
        account.requiredBytes += bytes;
      } else {
        account.laterCount += count;
        account.laterBytes += bytes;
      }
      if (isFirst) account.firstTime = lastTime;
      account.last = { name: lastName, time: lastTime };
    }
    count = 0;
    bytes = 0;
  };

  const enter = (name: string) => {
    settle();
    current = intervalOf(intervals, name);
    ({ low, high } = current);
    for (const account of current.closes) {
      if (account.isClosed) continue;
      account.isClosed = true;
      open -= 1;
    }
  };

  return {
    visit: ({ name, size, time }) => {
      // Labels, partial segments and history files belong to no backup.
      if (name.length !== 24) return open > 0;
      if (name < low || (name >= high && high !== '')) enter(name);
      count += 1;
      bytes += size;
      lastName = name;
      lastTime = time;
      return open > 0;
    },
    finish: () => {
      settle();
      return new Map(accounts.map((account) => [account.id, usageOf(account)]));
    },
  };
}

function openAccounts(backups: readonly BackupInfo[], wanted?: ReadonlySet<string>): Account[] {
  const copied = backups.filter(isCopyDone);
  return copied.flatMap((backup, index): Account[] => {
    const { backupId: id, beginWal: begin, endWal: end } = backup;
    if (begin === null || end === null || (wanted && !wanted.has(id))) return [];
    const timeline = parseWalName(begin)?.timeline;
    if (timeline === undefined) return [];
    const limit = copied[index + 1]?.endWal ?? '';
    const zero = { requiredCount: 0, requiredBytes: 0, laterCount: 0, laterBytes: 0 };
    return [{ id, begin, end, limit, timeline, ...zero, firstTime: null, last: null, isClosed: false }];
  });
}

/** The first text after `name` in string order. */
function after(name: string): string {
  return `${name}\0`;
}

function cutIntervals(accounts: readonly Account[]): readonly Interval[] {
  const cuts = new Set<string>(['']);
  for (const { begin, end, limit, timeline } of accounts) {
    cuts
      .add(begin)
      .add(after(begin))
      .add(after(end))
      .add(segmentName(timeline + 1, 0, 0));
    if (limit !== '') cuts.add(after(limit));
  }
  const sorted = [...cuts].sort();
  return sorted.map((low, index): Interval => {
    const reached = accounts.filter((account) => low >= account.begin && low < segmentName(account.timeline + 1, 0, 0));
    const isInside = ({ limit }: Account) => limit === '' || low <= limit;
    return {
      low,
      high: sorted[index + 1] ?? '',
      accounts: reached.filter(isInside).map((account) => ({
        account,
        isRequired: low <= account.end,
        isFirst: low === account.begin,
      })),
      closes: reached.filter((account) => !isInside(account)),
    };
  });
}

function intervalOf(intervals: readonly Interval[], name: string): Interval {
  let from = 0;
  let to = intervals.length - 1;
  while (from < to) {
    const middle = Math.ceil((from + to) / 2);
    if ((intervals[middle] as Interval).low <= name) from = middle;
    else to = middle - 1;
  }
  return intervals[from] as Interval;
}

function usageOf(account: Account): WalUsage {
  return {
    required: { count: account.requiredCount, bytes: account.requiredBytes },
    untilNext: { count: account.laterCount, bytes: account.laterBytes },
    firstTime: account.firstTime,
    last: account.last,
  };
}
