/**
 * WAL file names: parsed once at the edge into a WalFile, never sliced as strings afterwards.
 * Source: docs/behaviour/wal.md 1; PostgreSQL documentation, "WAL Internals".
 */
import { lsn, type Lsn } from './lsn.ts';

export type WalKind = 'segment' | 'partial' | 'history' | 'label';

/** One valid WAL file name, taken apart. `log` and `segment` are 0 for a history file. */
export interface WalFile {
  readonly kind: WalKind;
  /** The whole name as it was given, e.g. `000000010000000000000002.00000028.backup`. */
  readonly name: string;
  readonly timeline: number;
  readonly log: number;
  readonly segment: number;
}

const WAL_NAME =
  /^(?:([0-9A-Fa-f]{8})([0-9A-Fa-f]{8})([0-9A-Fa-f]{8})(\.partial|\.[0-9A-Fa-f]{8}\.backup)?|([0-9A-Fa-f]{8})\.history)$/;

/** Default of initdb --wal-segsize, bytes. */
export const DEFAULT_SEGMENT_SIZE = 16_777_216;

/** Parses a base name (no directory part); undefined when it is no WAL file name. */
export function parseWalName(name: string): WalFile | undefined {
  const match = WAL_NAME.exec(name);
  if (!match) return undefined;
  if (match[5] !== undefined) return { kind: 'history', name, timeline: hex(match[5]), log: 0, segment: 0 };
  const suffix = match[4];
  const kind: WalKind = suffix === undefined ? 'segment' : suffix === '.partial' ? 'partial' : 'label';
  return { kind, name, timeline: hex(match[1]), log: hex(match[2]), segment: hex(match[3]) };
}

function hex(text: string | undefined): number {
  return Number.parseInt(text ?? '0', 16);
}

function hex8(value: number): string {
  return value.toString(16).toUpperCase().padStart(8, '0');
}

/** `00000001` for timeline 1. */
export function timelineName(timeline: number): string {
  return hex8(timeline);
}

/** The 24-digit name of a segment. */
export function segmentName(timeline: number, log: number, segment: number): string {
  return hex8(timeline) + hex8(log) + hex8(segment);
}

/**
 * The directory below `wals_directory` that holds this file: timeline and log digits, or '' for a history file
 * (they live directly in it).
 */
export function hashDir(file: WalFile): string {
  return file.kind === 'history' ? '' : hex8(file.timeline) + hex8(file.log);
}

/** How many segments one 4 GiB log holds: 256 of 16 MiB, 4096 of 1 MiB, 4 of 1 GiB. */
export function segmentsPerLog(segmentSize: number): number {
  return Math.floor(0xffffffff / segmentSize) + 1;
}

/** The segment name that holds the byte at `position`, and the offset in it. */
export function segmentOfLsn(timeline: number, position: Lsn, segmentSize: number): { name: string; offset: number } {
  const log = Number(position >> 32n);
  const low = Number(position & 0xffffffffn);
  return { name: segmentName(timeline, log, Math.floor(low / segmentSize)), offset: low % segmentSize };
}

/** The LSN of the first byte of a segment (or label, or partial). */
export function lsnOfSegment(file: WalFile, segmentSize: number): Lsn {
  return lsn((BigInt(file.log) << 32n) + BigInt(file.segment) * BigInt(segmentSize));
}

/** The name of the segment after `file`. */
export function nextSegmentName(file: WalFile, segmentSize: number): string {
  const last = file.segment + 1 >= segmentsPerLog(segmentSize);
  return last ? segmentName(file.timeline, file.log + 1, 0) : segmentName(file.timeline, file.log, file.segment + 1);
}

/** How many segments there are from `begin` to `end` inclusive; both must be on one timeline, `end` not before `begin`. */
export function countSegments(begin: WalFile, end: WalFile, segmentSize: number): number {
  return (end.log - begin.log) * segmentsPerLog(segmentSize) + end.segment - begin.segment + 1;
}

/** Every segment name from `begin` to `end` inclusive, in order; both must be on one timeline. */
export function* segmentRange(begin: WalFile, end: WalFile, segmentSize: number): Generator<string> {
  const perLog = segmentsPerLog(segmentSize);
  let { log, segment } = begin;
  while (log < end.log || (log === end.log && segment <= end.segment)) {
    yield segmentName(begin.timeline, log, segment);
    if (++segment >= perLog) {
      segment = 0;
      log += 1;
    }
  }
}
