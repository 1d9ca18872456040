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
