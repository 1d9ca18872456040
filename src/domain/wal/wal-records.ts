/**
 * How far the records of a segment reach, and whether two files of one name hold the same ones: behind the last record a
 * file may hold zeros or what a recycled file held before, which no recovery reads.
 * Source: PostgreSQL src/include/access/xlog_internal.h and xlogrecord.h, as they are since 9.5.
 */
import { CRC_START, crc32c, finishCrc } from './crc32c.ts';
import { lsnOfSegment, type WalFile } from './wal.ts';
import { parseWalHeader, WAL_HEADER_LENGTH } from './wal-header.ts';

export interface WalExtent {
  /** Behind the last record that is whole and valid, bytes from the beginning; 0 where there is none. */
  readonly end: number;
  /**
   * Behind the first page header and what it calls the rest of a record of the segment before, which has no checksum here.
   * 0 where the file begins with zeros or with the header of another segment: it holds nothing; null for what is no WAL of a
   * release that is known here.
   */
  readonly begin: number | null;
  /** Bytes that count where the records fill the segment or end with a switch; null where they break off. */
  readonly complete: number | null;
}

export interface RecordWalker {
  /** The next bytes of the plain content, in pieces of any size. */
  feed(bytes: Uint8Array): void;
  finish(): WalExtent;
}

const OLDEST_MAGIC = 0xd087;
const PAGE_HEADER = 24;
const FIRST_IS_CONTINUATION = 0x0001;
const LONG_HEADER = 0x0002;
const FIRST_OVERWRITES_CONTINUATION = 0x0008;
const RECORD_HEADER = 24;
/** The header up to its checksum, which is the last thing that the checksum covers. */
const CHECKED_HEADER = 20;
const RMGR_XLOG = 0;
const XLOG_SWITCH = 0x40;
const MOST_BLOCK = 65_536;

/** A record that was begun. */
interface Open {
  readonly start: bigint;
  readonly length: number;
  readonly header: Uint8Array;
  got: number;
  sum: number;
}

interface Segment {
  readonly start: bigint;
  readonly size: number;
  readonly block: number;
  readonly magic: number;
  readonly littleEndian: boolean;
}

const aligned = (offset: number) => (offset + 7) & ~7;

/** Walks the records of `file` (a segment, or what there is of one) from its first byte. */
export function recordWalker(file: WalFile): RecordWalker {
  let segment: Segment | undefined;
  let page: Uint8Array = new Uint8Array(WAL_HEADER_LENGTH);
  let filled = 0;
  let offset = 0;
  let isOver = false;
  let rest = 0;
  let open: Open | null = null;
  let previous: bigint | null = null;
  let begin: number | null = 0;
  let end = 0;
  let complete: number | null = null;

  const readPage = (bytes: Uint8Array, known: Segment): void => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const little = known.littleEndian;
    const flags = view.getUint16(2, little);
    const remaining = view.getUint32(16, little);
    const isOwn =
      view.getUint16(0, little) === known.magic && view.getBigUint64(8, little) === known.start + BigInt(offset);
    let at = (flags & LONG_HEADER) === 0 ? PAGE_HEADER : WAL_HEADER_LENGTH;
    const awaited: number = open === null ? rest : open.length - open.got;
    const continues = (flags & FIRST_IS_CONTINUATION) !== 0;
    if (!isOwn) return stop();
    if (offset === 0) {
      rest = continues ? remaining : 0;
      begin = at;
    } else if ((flags & FIRST_OVERWRITES_CONTINUATION) !== 0) {
      // After a crash: PostgreSQL gave up the record that was begun, and goes on here.
      open = null;
      rest = 0;
    } else if (continues !== awaited > 0 || (continues && remaining !== awaited)) return stop();
    while (at < known.block && !isOver) {
      if (rest > 0) {
        const length = Math.min(rest, known.block - at);
        rest -= length;
        at += length;
        begin = offset + at;
        if (rest === 0) at = aligned(at);
        continue;
      }
      if (open === null) {
        const length = view.getUint32(at, little);
        if (length < RECORD_HEADER) return stop();
        open = {
          start: known.start + BigInt(offset + at),
          length,
          header: new Uint8Array(RECORD_HEADER),
          got: 0,
          sum: CRC_START,
        };
      }
      at = take(open, bytes, at, known);
      if (open.got === open.length) {
        finishRecord(open, offset + at, little);
        open = null;
        at = aligned(at);
      }
    }
  };

  /** Takes what the page has of the record. */
  const take = (record: Open, bytes: Uint8Array, at: number, known: Segment): number => {
    const until = at + Math.min(record.length - record.got, known.block - at);
    const ofHeader = Math.min(Math.max(RECORD_HEADER - record.got, 0), until - at);
    if (ofHeader > 0) record.header.set(bytes.subarray(at, at + ofHeader), record.got);
    record.sum = crc32c(record.sum, bytes, at + ofHeader, until);
    record.got += until - at;
    if (ofHeader > 0 && record.got >= RECORD_HEADER && !follows(record, known.littleEndian)) stop();
    return until;
  };

  /** What a recycled file held has true checksums too: each record names the one before it. */
  const follows = (record: Open, little: boolean): boolean => {
    const before = new DataView(record.header.buffer).getBigUint64(8, little);
    return previous === null ? before < record.start : before === previous;
  };

  const finishRecord = (record: Open, behind: number, little: boolean): void => {
    if (isOver) return;
    const view = new DataView(record.header.buffer);
    const sum = finishCrc(crc32c(record.sum, record.header, 0, CHECKED_HEADER));
    if (sum !== view.getUint32(CHECKED_HEADER, little)) return stop();
    end = behind;
    previous = record.start;
    if (view.getUint8(17) !== RMGR_XLOG || (view.getUint8(16) & 0xf0) !== XLOG_SWITCH) return;
    complete = behind;
    stop();
  };

  const stop = (): void => {
    isOver = true;
  };

  const beginSegment = (head: Uint8Array): void => {
    const found = segmentOf(file, head);
    if (typeof found !== 'object') {
      begin = found === 'nothing' ? 0 : null;
      return stop();
    }
    segment = found;
    const whole = new Uint8Array(segment.block);
    whole.set(head);
    page = whole;
  };

  return {
    feed: (bytes) => {
      for (let at = 0; at < bytes.length && !isOver;) {
        const length = Math.min(page.length - filled, bytes.length - at);
        page.set(bytes.subarray(at, at + length), filled);
        filled += length;
        at += length;
        if (filled < page.length) break;
        if (segment === undefined) beginSegment(page);
        else {
          readPage(page, segment);
          offset += filled;
          filled = 0;
          if (!isOver && offset === segment.size) {
            complete = segment.size;
            stop();
          }
        }
      }
    },
    finish: () => ({ end, begin, complete }),
  };
}

function segmentOf(file: WalFile, head: Uint8Array): Segment | 'nothing' | 'unknown' {
  const header = parseWalHeader(head);
  if (header === undefined) return head.every((byte) => byte === 0) ? 'nothing' : 'unknown';
  if (header.start !== lsnOfSegment(file, header.segmentSize)) return 'nothing';
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const littleEndian = view.getUint8(1) >= 0xd0;
  const magic = view.getUint16(0, littleEndian);
  const block = view.getUint32(36, littleEndian);
  if (magic < OLDEST_MAGIC || block < 1024 || block > MOST_BLOCK || header.segmentSize % block !== 0) return 'unknown';
  return { start: header.start, size: header.segmentSize, block, magic, littleEndian };
}

export type RecordRelation = 'same' | 'left holds more' | 'right holds more' | 'different';

/**
 * How the records of two files of one name relate. `differAt` is the first byte in which the files differ. Two complete
 * segments hold the same or are different; one that breaks off holds less than a complete one that begins like it.
 */
export function relateRecords(file: WalFile, left: WalExtent, right: WalExtent, differAt: number): RecordRelation {
  return file.kind === 'partial' ? relatePartial(left, right, differAt) : relateWhole(left, right, differAt);
}

function relateWhole(left: WalExtent, right: WalExtent, differAt: number): RecordRelation {
  if (left.complete !== null && right.complete !== null) {
    return differAt >= Math.max(left.complete, right.complete) ? 'same' : 'different';
  }
  if (left.complete !== null && differAt >= right.end) return 'left holds more';
  if (right.complete !== null && differAt >= left.end) return 'right holds more';
  return 'different';
}

function relatePartial(left: WalExtent, right: WalExtent, differAt: number): RecordRelation {
  if (left.begin === null || right.begin === null) return 'different';
  if (differAt >= Math.max(left.end, right.end, left.begin, right.begin)) return 'same';
  // One that does not even begin like its segment holds nothing.
  if (right.begin === 0 || (left.end > right.end && differAt >= right.end)) return 'left holds more';
  if (left.begin === 0 || (right.end > left.end && differAt >= left.end)) return 'right holds more';
  return 'different';
}
