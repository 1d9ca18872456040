/** WAL segments made by hand: a true page header, then filler. 1 MiB unless told otherwise. */
import { randomBytes } from 'node:crypto';

export const SYSTEM_ID = '7710444428578650661';
export const SMALL_SEGMENT = 1_048_576;

export interface SegmentFacts {
  readonly systemId?: string;
  readonly segmentSize?: number;
  readonly bigEndian?: boolean;
  /** Same seed, same bytes. */
  readonly seed?: number;
}

/** The bytes of segment `name` as PostgreSQL 15 would begin them. */
export function walSegment(name: string, facts: SegmentFacts = {}): Buffer {
  const size = facts.segmentSize ?? SMALL_SEGMENT;
  const bytes = Buffer.alloc(size);
  const little = facts.bigEndian !== true;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const [timeline, log, number] = [name.slice(0, 8), name.slice(8, 16), name.slice(16, 24)].map((part) =>
    Number.parseInt(part, 16),
  );
  view.setUint16(0, 0xd110, little);
  view.setUint16(2, 0x0006, little);
  view.setUint32(4, timeline ?? 0, little);
  view.setBigUint64(8, (BigInt(log ?? 0) << 32n) + BigInt(number ?? 0) * BigInt(size), little);
  view.setBigUint64(24, BigInt(facts.systemId ?? SYSTEM_ID), little);
  view.setUint32(32, size, little);
  view.setUint32(36, 8192, little);
  const seed = facts.seed ?? number ?? 0;
  for (let offset = 64; offset + 4 <= size; offset += 64)
    bytes.writeUInt32LE(((seed + 1) * 2_654_435_761 + offset) % 4_294_967_296, offset);
  return bytes;
}

/** Name of segment `number` of timeline 1 with 1 MiB segments. */
export function segmentName(number: number, timeline = 1): string {
  const hex = (value: number) => value.toString(16).toUpperCase().padStart(8, '0');
  return hex(timeline) + hex(Math.floor(number / 4096)) + hex(number % 4096);
}

/** Bytes that are no WAL. */
export function junk(length: number): Buffer {
  return randomBytes(length);
}

export interface RecordFacts extends Pick<SegmentFacts, 'systemId' | 'segmentSize' | 'bigEndian'> {
  /** How many records; without it they fill the segment, and the last one runs on into the next. */
  readonly records?: number;
  /** The record after this many is one that switches to the next segment. */
  readonly switchAfter?: number;
  /** Records from this one on have another content. */
  readonly forkAt?: number;
  /** This record breaks off at the end of its page, as PostgreSQL leaves one that a crash cut; the next page goes on anew. */
  readonly givenUp?: number;
  /** Bytes of a record of the segment before that goes on here. */
  readonly continuation?: number;
  /** What is behind the records: zeros, or what the file held when it was another segment. */
  readonly behind?: Buffer;
}

/** A segment with true records of 1,000 bytes: chained, summed and laid out over the pages as PostgreSQL does. */
export function recordedSegment(name: string, facts: RecordFacts = {}): Buffer {
  const bytes = walSegment(name, facts);
  const little = facts.bigEndian !== true;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const start = view.getBigUint64(8, little);
  bytes.fill(0, 40);
  if (facts.behind !== undefined) facts.behind.copy(bytes, 40, 40);
  let at = 0;
  let overwrites = false;
  /** Begins a page where one is due; `rest` of a record goes on there. */
  const room = (rest: number): number => {
    if (at % 8192 !== 0) return 8192 - (at % 8192);
    if (at > 0) bytes.copy(bytes, at, 0, 2);
    view.setUint16(at + 2, (at === 0 ? 2 : 0) | (rest > 0 ? 1 : 0) | (overwrites ? 8 : 0), little);
    overwrites = false;
    view.setUint32(at + 4, view.getUint32(4, little), little);
    view.setBigUint64(at + 8, start + BigInt(at), little);
    view.setUint32(at + 16, rest, little);
    at += at === 0 ? 40 : 24;
    return 8192 - (at % 8192);
  };
  /** False where the segment ends first. */
  const lay = (content: Uint8Array): boolean => {
    for (let done = 0; done < content.length;) {
      if (at >= bytes.length) return false;
      const length = Math.min(
        room(done === 0 && content !== continued ? 0 : content.length - done),
        content.length - done,
      );
      bytes.set(content.subarray(done, done + length), at);
      done += length;
      at += length;
    }
    at = (at + 7) & ~7;
    return at < bytes.length;
  };
  const continued = new Uint8Array(facts.continuation ?? 0).fill(0x63);
  let previous = start - 128n;
  if (continued.length > 0 && !lay(continued)) return bytes;
  for (let number = 0; number < (facts.records ?? Number.POSITIVE_INFINITY); number += 1) {
    room(0);
    const isSwitch = number === facts.switchAfter;
    const record = Buffer.alloc(
      isSwitch ? 24 : 1_000,
      number >= (facts.forkAt ?? Number.POSITIVE_INFINITY) ? 0xee : 0x2a,
    );
    const head = new DataView(record.buffer, record.byteOffset, 24);
    head.setUint32(0, record.length, little);
    head.setUint32(4, number, little);
    head.setBigUint64(8, previous, little);
    head.setUint32(16, 0);
    if (isSwitch) record.writeUInt8(0x40, 16);
    else record.writeUInt8(10, 17);
    head.setUint32(20, castagnoli(Buffer.concat([record.subarray(24), record.subarray(0, 20)])), little);
    if (number === facts.givenUp) {
      lay(record.subarray(0, room(0)));
      overwrites = true;
      continue;
    }
    previous = start + BigInt(at);
    if (!lay(record) || isSwitch) break;
  }
  return bytes;
}

/** Bit by bit, unlike the program's. */
function castagnoli(bytes: Uint8Array): number {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit += 1) sum = (sum & 1) === 1 ? (sum >>> 1) ^ 0x82f63b78 : sum >>> 1;
  }
  return (sum ^ 0xffffffff) >>> 0;
}
