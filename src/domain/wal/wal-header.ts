/**
 * The long page header that every WAL segment begins with, and what it says about a file that claims to be one.
 * Source: PostgreSQL src/include/access/xlog_internal.h, XLogLongPageHeaderData; docs/behaviour/faults.md A3, A6, A7,
 * B8.
 */
import { formatLsn, lsn, type Lsn } from './lsn.ts';
import { lsnOfSegment, type WalFile } from './wal.ts';

export interface WalHeader {
  /** Timeline of the first page: after a promotion it may be the one that was left. */
  readonly timeline: number;
  readonly start: Lsn;
  /** Decimal, as PostgreSQL prints it. */
  readonly systemId: string;
  /** Bytes. */
  readonly segmentSize: number;
}

/** How many bytes the header has. */
export const WAL_HEADER_LENGTH = 40;

const LONG_HEADER = 0x0002;
const SMALLEST_SEGMENT = 1_048_576;
/** initdb --wal-segsize allows no more, bytes. */
export const LARGEST_SEGMENT = 1_073_741_824;

/** Reads the header, in either byte order; undefined when the bytes are no WAL page. */
export function parseWalHeader(bytes: Uint8Array): WalHeader | undefined {
  if (bytes.byteLength < WAL_HEADER_LENGTH) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // XLOG_PAGE_MAGIC grows with the releases: D093 is 9.6, D118 is 18.
  const littleEndian = view.getUint8(1) >= 0xd0 && view.getUint8(1) <= 0xd3;
  if (!littleEndian && !(view.getUint8(0) >= 0xd0 && view.getUint8(0) <= 0xd3)) return undefined;
  if ((view.getUint16(2, littleEndian) & LONG_HEADER) === 0) return undefined;
  const segmentSize = view.getUint32(32, littleEndian);
  if (!isSegmentSize(segmentSize)) return undefined;
  return {
    timeline: view.getUint32(4, littleEndian),
    start: lsn(view.getBigUint64(8, littleEndian)),
    systemId: view.getBigUint64(24, littleEndian).toString(),
    segmentSize,
  };
}

/** True for a size that initdb --wal-segsize accepts: a power of two from 1 MiB to 1 GiB. */
export function isSegmentSize(bytes: number): boolean {
  return bytes >= SMALLEST_SEGMENT && bytes <= LARGEST_SEGMENT && Number.isInteger(Math.log2(bytes));
}

/** The plain (not compressed) content of a file, as far as it was looked at. */
export interface WalContent {
  /** Bytes of the whole content. */
  readonly size: number;
  /** Its first bytes, WAL_HEADER_LENGTH or more where there are that many. */
  readonly head: Uint8Array;
}

/** Why a file cannot be what its name says. */
export interface WalProblem {
  /** Goes after "WAL file 'NAME'": `is empty`. */
  readonly text: string;
  /** incomplete: more bytes could cure it, somebody may still be writing the file; foreign: of another PostgreSQL system. */
  readonly kind: 'incomplete' | 'damaged' | 'foreign';
}

/**
 * What is wrong with this content under this name; null when nothing speaks against it. `systemId` is the cluster that
 * the archive belongs to; null when it is not known yet.
 */
export function walProblem(file: WalFile, content: WalContent, systemId: string | null): WalProblem | null {
  if (file.kind === 'partial') return partialProblem(content, systemId);
  // No recovery reads a label, and PostgreSQL does not flush it: after a crash it may well be empty.
  if (file.kind === 'label') return null;
  if (content.size === 0) return growing('is empty');
  if (file.kind !== 'segment') return null;
  const header = parseWalHeader(content.head);
  if (header === undefined) {
    return isSegmentSize(content.size) ? null : growing(`is no WAL segment (${content.size} bytes)`);
  }
  if (content.size < header.segmentSize) return growing(`has only ${content.size} of ${header.segmentSize} bytes`);
  return headerProblem(file, header, content.size, systemId);
}

function headerProblem(file: WalFile, header: WalHeader, size: number, systemId: string | null): WalProblem | null {
  if (size > header.segmentSize) return final(`has ${size} bytes instead of ${header.segmentSize}`);
  const expected = lsnOfSegment(file, header.segmentSize);
  if (header.start !== expected) {
    return final(`begins at LSN ${formatLsn(header.start)} instead of ${formatLsn(expected)}`);
  }
  if (header.timeline > file.timeline) return final(`belongs to timeline ${header.timeline}`);
  return foreignProblem(header, systemId);
}

/** Of a partial file nothing is expected but that it is no other system's. */
function partialProblem(content: WalContent, systemId: string | null): WalProblem | null {
  const header = parseWalHeader(content.head);
  return header === undefined ? null : foreignProblem(header, systemId);
}

function foreignProblem(header: WalHeader, systemId: string | null): WalProblem | null {
  if (systemId === null || header.systemId === systemId) return null;
  const text = `comes from system ${header.systemId}, but this archive belongs to system ${systemId}`;
  return { text, kind: 'foreign' };
}

function growing(text: string): WalProblem {
  return { text, kind: 'incomplete' };
}

function final(text: string): WalProblem {
  return { text, kind: 'damaged' };
}
