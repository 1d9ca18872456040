/**
 * Where pg_receivewal goes on after the files of its directory, and whether a server can send from there.
 * Source: PostgreSQL documentation, pg_receivewal; tried with pg_receivewal 15.
 */
import { formatLsn, type Lsn, lsn } from './lsn.ts';
import type { StreamObstacle } from './stream-obstacle.ts';
import type { TimelineSwitch } from './timeline-history.ts';
import { lsnOfSegment, parseWalName, type WalFile } from './wal.ts';

export interface StreamStart {
  readonly timeline: number;
  readonly lsn: Lsn;
}

/** What a server says of its WAL: IDENTIFY_SYSTEM and TIMELINE_HISTORY. */
export interface ServerHistory {
  readonly timeline: number;
  /** Where the ancestors of `timeline` were left. */
  readonly switches: readonly TimelineSwitch[];
  readonly flushed: Lsn;
}

/**
 * The file that it goes on after: of the highest segment, whatever its timeline; of two of these that of the higher timeline; the
 * complete one rather than the `.partial`.
 */
export function newestReceived(names: readonly string[]): WalFile | undefined {
  const received = names.flatMap((name) => parseWalName(name) ?? []).filter(isReceived);
  return received.reduce<WalFile | undefined>(
    (newest, file) => (newest === undefined || precedence(file) > precedence(newest) ? file : newest),
    undefined,
  );
}

/** Whether pg_receivewal goes on after `name` rather than after `other`; false for what it does not look at. */
export function outranks(name: string, other: string): boolean {
  return name !== other && newestReceived([name, other])?.name === name;
}

function isReceived({ kind }: WalFile): boolean {
  return kind === 'segment' || kind === 'partial';
}

/** Compares as text: log, segment, timeline, and a complete segment after its `.partial`. */
function precedence({ name, kind }: WalFile): string {
  return `${name.slice(8, 24)}${name.slice(0, 8)}${kind === 'segment' ? 1 : 0}`.toUpperCase();
}

/** Behind a complete segment, at the beginning of a `.partial`. */
export function startAfter(file: WalFile, segmentSize: number): StreamStart {
  const begin = lsnOfSegment(file, segmentSize);
  return {
    timeline: file.timeline,
    lsn: file.kind === 'partial' ? begin : lsn(begin + BigInt(segmentSize)),
  };
}

/** Why the server refuses to send from there; null when it does not. */
export function startObstacle(start: StreamStart, server: ServerHistory): StreamObstacle | null {
  const received = `the WAL received so far ends at ${formatLsn(start.lsn)} on timeline ${start.timeline}`;
  if (start.timeline === server.timeline) {
    if (start.lsn <= server.flushed) return null;
    return {
      cause: 'ahead of the server',
      words: `${received}, ahead of PostgreSQL, which is at ${formatLsn(server.flushed)}`,
    };
  }
  const left = server.switches.find(({ parentTimeline }) => parentTimeline === start.timeline)?.switchLsn;
  if (left !== undefined && start.lsn <= left) return null;
  const history =
    left === undefined
      ? `PostgreSQL is on timeline ${server.timeline}, which does not come from it`
      : `PostgreSQL left that timeline at ${formatLsn(left)} and is on timeline ${server.timeline}`;
  return { cause: 'other history', words: `${received}; ${history}` };
}

/**
 * Where the server's history goes on after what is held: `newest` is the newest file of each timeline, received or archived.
 * null when nothing of this history is held.
 */
export function continuation(
  newest: ReadonlyMap<number, WalFile>,
  server: ServerHistory,
  segmentSize: number,
): StreamStart | null {
  const ends = server.switches.map(({ parentTimeline, switchLsn }) => ({ timeline: parentTimeline, end: switchLsn }));
  for (const { timeline, end } of [{ timeline: server.timeline, end: server.flushed }, ...ends.toReversed()]) {
    const file = newest.get(timeline);
    if (file === undefined) continue;
    const start = startAfter(file, segmentSize);
    // Beyond the end of a timeline that was left: the next one begins with a copy of the segment in which that was.
    return start.lsn <= end ? start : segmentAt(end, server, segmentSize);
  }
  return null;
}

/** The beginning of the segment with the byte at `position`, on the timeline under whose name the server keeps it. */
export function segmentAt(position: Lsn, server: ServerHistory, segmentSize: number): StreamStart {
  const size = BigInt(segmentSize);
  const begin = position - (position % size);
  const timelines = [...server.switches.slice(1).map(({ parentTimeline }) => parentTimeline), server.timeline];
  const reached = server.switches.filter(({ switchLsn }) => switchLsn < begin + size).length;
  const timeline = reached === 0 ? (server.switches[0]?.parentTimeline ?? server.timeline) : timelines[reached - 1];
  return { timeline: timeline ?? server.timeline, lsn: lsn(begin) };
}

/** The segments from the one of `position` to the last one that the server has written into. */
export function* segmentsFrom(position: Lsn, server: ServerHistory, segmentSize: number): Generator<StreamStart> {
  const first = segmentAt(position, server, segmentSize).lsn;
  for (let begin: bigint = first; begin < server.flushed; begin += BigInt(segmentSize)) {
    yield segmentAt(lsn(begin), server, segmentSize);
  }
}
