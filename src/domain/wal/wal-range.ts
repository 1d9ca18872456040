/**
 * A range of WAL segments and the holes in it. Works on positions and runs, so that the longest range that can be typed
 * costs no more than the files that are there. Source: docs/behaviour/wal.md 1 and 10.
 */
import { segmentName, segmentsPerLog, type WalFile } from './wal.ts';

/** Neighbouring segments, first and last included. */
export interface WalRun {
  readonly first: string;
  readonly last: string;
  readonly count: number;
}

/** The place of a segment in the stream of its timeline, counted in segments. */
export function segmentPosition({ log, segment }: WalFile, segmentSize: number): number {
  return log * segmentsPerLog(segmentSize) + segment;
}

/** The segment at a position: the inverse of segmentPosition. */
export function segmentAt(timeline: number, position: number, segmentSize: number): string {
  const perLog = segmentsPerLog(segmentSize);
  return segmentName(timeline, Math.floor(position / perLog), position % perLog);
}

/** False for a name that no segment of this size has: at 16 MiB the last eight digits end with 000000FF. */
export function isSegmentOfSize({ segment }: WalFile, segmentSize: number): boolean {
  return segment < segmentsPerLog(segmentSize);
}

/** Gathers positions, which come in rising order, into what lies between them. */
export class GapFinder {
  private readonly timeline: number;
  private readonly segmentSize: number;
  private readonly end: number;
  private next: number;
  private readonly gaps: WalRun[] = [];

  constructor(begin: WalFile, end: WalFile, segmentSize: number) {
    this.timeline = begin.timeline;
    this.segmentSize = segmentSize;
    this.next = segmentPosition(begin, segmentSize);
    this.end = segmentPosition(end, segmentSize);
  }

  see(position: number): void {
    this.closeAt(position - 1);
    this.next = position + 1;
  }

  /** The runs of segments that were not seen, in order. */
  finish(): readonly WalRun[] {
    this.closeAt(this.end);
    this.next = this.end + 1;
    return this.gaps;
  }

  private closeAt(last: number): void {
    if (last < this.next) return;
    const name = (position: number) => segmentAt(this.timeline, position, this.segmentSize);
    this.gaps.push({ first: name(this.next), last: name(last), count: last - this.next + 1 });
  }
}

/** How many segments the runs hold. */
export function countSegments(runs: readonly WalRun[]): number {
  return runs.reduce((sum, { count }) => sum + count, 0);
}
