/**
 * To which moments can a server be recovered? Computed from the backups and the segments that are there, for each
 * timeline as PostgreSQL follows it: its ancestors up to where each was left, then itself.
 * Source: PostgreSQL documentation, "Timelines" and "Recovery Target Settings".
 */
import type { BackupInfo } from '../backup/backup-info.ts';
import type { Lsn } from '../wal/lsn.ts';
import type { TimelineSwitch } from '../wal/timeline-history.ts';
import { parseWalName, segmentName, segmentsPerLog, type WalFile } from '../wal/wal.ts';

/** Segments of one timeline without a hole between them, as numbers from the very first segment; both ends included. */
export interface SegmentRun {
  readonly first: number;
  readonly last: number;
}

export interface CoverageFacts {
  /** Bytes of one segment. */
  readonly segmentSize: number;
  /** Backups that have all their data, in order. */
  readonly backups: readonly BackupInfo[];
  /** What is there of each timeline, in ascending order. */
  readonly runs: ReadonlyMap<number, readonly SegmentRun[]>;
  /** What the history file of a timeline says of its ancestors. */
  readonly histories: ReadonlyMap<number, readonly TimelineSwitch[]>;
}

/** From the end of its first backup to the end of its last segment every moment can be reached. */
export interface RecoveryWindow {
  /** In order of their ends. */
  readonly backups: readonly BackupInfo[];
  readonly lastWal: string;
}

/** Segments that are missing while later ones are there. */
export interface WalGap {
  readonly firstWal: string;
  readonly lastWal: string;
  readonly count: number;
}

export interface TimelineCoverage {
  readonly timeline: number;
  readonly windows: readonly RecoveryWindow[];
  /** Between the first segment that a backup of this timeline needs and the last one that is there. */
  readonly gaps: readonly WalGap[];
}

export interface Coverage {
  /** In ascending order. */
  readonly timelines: readonly TimelineCoverage[];
  /** Backups that are not consistent: the first segment that is missing of those they need. */
  readonly incomplete: readonly { readonly backupId: string; readonly missingWal: string }[];
}

/** What would be lost if the primary died now. */
export interface Exposure {
  readonly currentLsn: Lsn;
  /** Every moment before it can be recovered, with the WAL that waits to be archived; null when no backup can. */
  readonly recoverableLsn: Lsn | null;
  /** The newest WAL on this host ends here. Of no use beyond a hole. */
  readonly receivedLsn: Lsn;
  readonly receivedBy: 'streaming' | 'archiving';
  /** From `recoverableLsn` on; all that was ever written when there is none. */
  readonly bytes: bigint;
  /** Since when the oldest of it may have been written; null when that is not known. */
  readonly seconds: number | null;
}

export interface ServerCoverage extends Coverage {
  readonly server: string;
  /** When the last segment of a window was written: seconds since 1970, by name. */
  readonly times: ReadonlyMap<string, number>;
  /** null when PostgreSQL does not answer, or is not asked (inactive or passive server). */
  readonly exposure: Exposure | null;
}

/** The number of a segment from the very first one on. */
export function segmentNumber({ log, segment }: WalFile, segmentSize: number): number {
  return log * segmentsPerLog(segmentSize) + segment;
}

/** Gathers segments, which may come in any order and twice, into runs; in their order they take no memory to speak of. */
export class SegmentSet {
  readonly #segmentSize: number;
  readonly #runs = new Map<number, { first: number; last: number }[]>();
  #newest: WalFile | null = null;

  /** `segmentSize`: bytes */
  constructor(segmentSize: number) {
    this.#segmentSize = segmentSize;
  }

  /** The one with the greatest name. */
  get newest(): WalFile | null {
    return this.#newest;
  }

  add(file: WalFile): void {
    if (this.#newest === null || file.name > this.#newest.name) this.#newest = file;
    const number = segmentNumber(file, this.#segmentSize);
    const runs = this.#runs.get(file.timeline);
    const last = runs?.at(-1);
    if (runs === undefined) this.#runs.set(file.timeline, [{ first: number, last: number }]);
    else if (last !== undefined && number >= last.first && number <= last.last + 1)
      last.last = Math.max(last.last, number);
    else runs.push({ first: number, last: number });
  }

  has(file: WalFile): boolean {
    const number = segmentNumber(file, this.#segmentSize);
    return this.#runs.get(file.timeline)?.some(({ first, last }) => number >= first && number <= last) ?? false;
  }

  /** By timeline, in ascending order. */
  runs(): ReadonlyMap<number, readonly SegmentRun[]> {
    return new Map([...this.#runs].map(([timeline, runs]) => [timeline, joined(runs)]));
  }
}

function joined(pieces: readonly SegmentRun[]): readonly SegmentRun[] {
  const runs: { first: number; last: number }[] = [];
  for (const { first, last } of pieces.toSorted((left, right) => left.first - right.first)) {
    const run = runs.at(-1);
    if (run !== undefined && first <= run.last + 1) run.last = Math.max(run.last, last);
    else runs.push({ first, last });
  }
  return runs;
}

export function coverageOf(facts: CoverageFacts): Coverage {
  const named = facts.backups.flatMap((info) => (info.timeline === null ? [] : [info.timeline]));
  const timelines = [...new Set([...facts.runs.keys(), ...named])].sort((left, right) => left - right);
  return {
    timelines: timelines.map((timeline) => coverTimeline(facts, timeline)),
    incomplete: facts.backups.flatMap((info) => {
      const missing = firstMissing(facts, info);
      return missing === undefined ? [] : [{ backupId: info.backupId, missingWal: missing }];
    }),
  };
}

/** The window that ends last, on the way of one timeline; of all timelines when it is not known (null). */
export function lastWindow({ timelines }: Coverage, timeline: number | null): RecoveryWindow | undefined {
  return timelines
    .filter((coverage) => timeline === null || coverage.timeline === timeline)
    .flatMap(({ windows }) => windows)
    .reduce<RecoveryWindow | undefined>(
      // By position: the last segments may have names of two timelines.
      (last, window) => (last === undefined || positionIn(window) > positionIn(last) ? window : last),
      undefined,
    );
}

function positionIn({ lastWal }: RecoveryWindow): string {
  return lastWal.slice(8);
}

/** The stretch of segments that PostgreSQL reads with the name of one timeline. */
interface Stretch extends SegmentRun {
  readonly timeline: number;
}

/** A run along the path of a timeline, which may change the timeline on its way. */
function coverTimeline(facts: CoverageFacts, timeline: number): TimelineCoverage {
  const { segmentSize } = facts;
  const path = pathOf(facts, timeline);
  const runs = runsAlong(facts, path);
  const nameOf = (number: number) => nameAlong(path, number, segmentSize);
  const usable = facts.backups.flatMap((info) => {
    const span = spanOf(info, segmentSize);
    return span !== undefined && isOnPath(facts, timeline, info) ? [{ info, span }] : [];
  });
  const windows = runs.flatMap((run): RecoveryWindow[] => {
    const inside = usable.filter(({ span }) => span.first >= run.first && span.last <= run.last);
    if (inside.length === 0) return [];
    const backups = inside.map(({ info }) => info).sort(byEnd);
    return [{ backups, lastWal: nameOf(run.last) }];
  });
  const needed = Math.min(...usable.map(({ span }) => span.first));
  return { timeline, windows, gaps: gapsFrom(needed, runs, nameOf) };
}

function byEnd(left: BackupInfo, right: BackupInfo): number {
  const difference = (left.endXlog ?? 0n) - (right.endXlog ?? 0n);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** The segments that make a backup consistent; undefined when its record does not tell them. */
function spanOf(info: BackupInfo, segmentSize: number): SegmentRun | undefined {
  const begin = info.beginWal === null ? undefined : parseWalName(info.beginWal);
  const end = info.endWal === null ? undefined : parseWalName(info.endWal);
  if (begin?.kind !== 'segment' || end?.kind !== 'segment') return undefined;
  return { first: segmentNumber(begin, segmentSize), last: segmentNumber(end, segmentSize) };
}

/**
 * The child's copy of the segment in which it was born is the one that is read: an ancestor ends with the segment before.
 */
function pathOf({ histories, segmentSize }: CoverageFacts, timeline: number): readonly Stretch[] {
  const path: Stretch[] = [];
  let first = 0;
  for (const { parentTimeline, switchLsn } of histories.get(timeline) ?? []) {
    const born = Number(switchLsn / BigInt(segmentSize));
    path.push({ timeline: parentTimeline, first, last: born - 1 });
    first = born;
  }
  return [...path, { timeline, first, last: Number.MAX_SAFE_INTEGER }];
}

function runsAlong({ runs }: CoverageFacts, path: readonly Stretch[]): readonly SegmentRun[] {
  const joined: { first: number; last: number }[] = [];
  for (const stretch of path) {
    for (const run of runs.get(stretch.timeline) ?? []) {
      const first = Math.max(run.first, stretch.first);
      const last = Math.min(run.last, stretch.last);
      if (first > last) continue;
      const previous = joined.at(-1);
      if (previous !== undefined && first === previous.last + 1) previous.last = last;
      else joined.push({ first, last });
    }
  }
  return joined;
}

function nameAlong(path: readonly Stretch[], number: number, segmentSize: number): string {
  const perLog = segmentsPerLog(segmentSize);
  const timeline = path.findLast(({ first }) => number >= first)?.timeline ?? 1;
  return segmentName(timeline, Math.floor(number / perLog), number % perLog);
}

/** A backup of an ancestor is of use when it ended before the path left that ancestor. */
function isOnPath({ histories }: CoverageFacts, timeline: number, { timeline: own, endXlog }: BackupInfo): boolean {
  if (own === timeline) return true;
  const left = histories.get(timeline)?.find(({ parentTimeline }) => parentTimeline === own);
  return left !== undefined && endXlog !== null && endXlog <= left.switchLsn;
}

function gapsFrom(needed: number, runs: readonly SegmentRun[], nameOf: (number: number) => string): readonly WalGap[] {
  const gaps: WalGap[] = [];
  let expected = needed;
  for (const run of runs) {
    if (run.first > expected) {
      gaps.push({ firstWal: nameOf(expected), lastWal: nameOf(run.first - 1), count: run.first - expected });
    }
    expected = Math.max(expected, run.last + 1);
  }
  return gaps;
}

/** Undefined when everything is there, or when the record does not say what is needed. */
function firstMissing(facts: CoverageFacts, info: BackupInfo): string | undefined {
  const span = spanOf(info, facts.segmentSize);
  if (span === undefined || info.timeline === null) return undefined;
  const path = pathOf(facts, info.timeline);
  let expected = span.first;
  for (const run of runsAlong(facts, path)) {
    if (expected >= run.first && expected <= run.last) expected = run.last + 1;
  }
  return expected > span.last ? undefined : nameAlong(path, expected, facts.segmentSize);
}
