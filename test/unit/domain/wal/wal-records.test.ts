import { describe, expect, it } from 'vitest';
import { parseWalName, type WalFile } from '../../../../src/domain/wal/wal.ts';
import { recordWalker, relateRecords, type WalExtent } from '../../../../src/domain/wal/wal-records.ts';
import { recordedSegment, segmentName, SMALL_SEGMENT, walSegment } from '../../../support/wal-files.ts';

const NAME = segmentName(9);
const named = (name: string): WalFile => {
  const file = parseWalName(name);
  if (!file) throw new Error(name);
  return file;
};
const SEGMENT = named(NAME);
const PARTIAL = named(`${NAME}.partial`);

function walk(bytes: Uint8Array, piece = 65_536, file = SEGMENT): WalExtent {
  const walker = recordWalker(file);
  for (let at = 0; at < bytes.length; at += piece) walker.feed(bytes.subarray(at, at + piece));
  return walker.finish();
}
/** The first byte in which two files differ. */
function differAt(left: Uint8Array, right: Uint8Array): number {
  let at = 0;
  while (at < Math.min(left.length, right.length) && left[at] === right[at]) at += 1;
  return at;
}
const relate = (left: Uint8Array, right: Uint8Array, file = SEGMENT) =>
  relateRecords(file, walk(left), walk(right), differAt(left, right));
/** What a recycled file held: true records of another segment. */
const old = recordedSegment(segmentName(3));

describe('recordWalker', () => {
  it.each([[false], [true]])('follows records over all pages, in pieces of any size, big-endian: %s', (bigEndian) => {
    const whole = recordedSegment(NAME, { bigEndian });
    const extent = walk(whole);
    expect(extent).toMatchObject({ begin: 40, complete: SMALL_SEGMENT });
    // The last record runs on into the next segment.
    expect(SMALL_SEGMENT - extent.end).toBeLessThan(1_008);
    for (const piece of [1, 1_000, 8_191]) expect(walk(whole, piece)).toEqual(extent);
  });

  it('ends at the last whole record, whatever lies behind', () => {
    const zeros = walk(recordedSegment(NAME, { records: 300 }));
    expect(zeros.complete).toBeNull();
    expect(zeros.end).toBeGreaterThan(300_000);
    expect(walk(recordedSegment(NAME, { records: 300, behind: old }))).toEqual(zeros);
    expect(walk(recordedSegment(NAME, { records: 301 })).end).toBe(zeros.end + 1_000);
  });

  it('does not follow the records of another segment that go on at the very place', () => {
    const mixed = recordedSegment(NAME, { records: 8 });
    const { end } = walk(mixed);
    recordedSegment(segmentName(3), { records: 9 }).copy(mixed, end, end);
    expect(walk(mixed).end).toBe(end);
  });

  it('is complete with a record that switches to the next segment', () => {
    const { end, complete } = walk(recordedSegment(NAME, { switchAfter: 20, behind: old }));
    expect(complete).toBe(end);
    expect(end).toBeLessThan(30_000);
  });

  it('ends before a record that was changed, by one bit', () => {
    const rotten = recordedSegment(NAME);
    rotten.writeUInt8(rotten.readUInt8(500_000) ^ 1, 500_000);
    const { end, complete } = walk(rotten);
    expect([complete, end <= 500_000 && end > 498_900]).toEqual([null, true]);
  });

  it('passes over what goes on from the segment before, also over many pages', () => {
    expect(walk(recordedSegment(NAME, { continuation: 20_000, records: 0 }))).toEqual({
      end: 0,
      begin: 20_000 + 40 + 24 + 24,
      complete: null,
    });
    expect(walk(recordedSegment(NAME, { continuation: 20_000 })).complete).toBe(SMALL_SEGMENT);
    const all = walk(recordedSegment(NAME, { continuation: 5_000_000 }));
    expect(all).toEqual({ end: 0, begin: SMALL_SEGMENT, complete: SMALL_SEGMENT });
  });

  it('goes on where PostgreSQL gave up a record after a crash', () => {
    // The ninth record of 1,000 bytes is the first to reach the second page.
    expect(walk(recordedSegment(NAME, { givenUp: 8 })).complete).toBe(SMALL_SEGMENT);
    const torn = recordedSegment(NAME, { givenUp: 8 });
    torn.writeUInt16LE(0, 8_194);
    expect(walk(torn)).toEqual({ ...walk(recordedSegment(NAME, { records: 8 })), complete: null });
  });

  it('tells what holds nothing from what it does not know', () => {
    expect(walk(Buffer.alloc(SMALL_SEGMENT)).begin).toBe(0);
    expect(walk(old).begin).toBe(0);
    expect(walk(Buffer.alloc(SMALL_SEGMENT, 'custom')).begin).toBeNull();
    expect(walk(Buffer.alloc(0)).begin).toBe(0);
    const ancient = recordedSegment(NAME);
    ancient.writeUInt16LE(0xd07e, 0);
    expect(walk(ancient)).toEqual({ end: 0, begin: null, complete: null });
  });
});

describe('relateRecords', () => {
  const whole = recordedSegment(NAME);
  const cut = recordedSegment(NAME, { records: 300, behind: old });
  const switched = recordedSegment(NAME, { switchAfter: 20 });
  const sameSwitched = recordedSegment(NAME, { switchAfter: 20, behind: old });

  it('finds the same records before different endings', () => {
    expect(relate(switched, sameSwitched)).toBe('same');
    expect(relate(recordedSegment(NAME, { records: 300 }), cut, PARTIAL)).toBe('same');
  });

  it('prefers the complete segment, and of partial files that with more', () => {
    expect([relate(whole, cut), relate(cut, whole)]).toEqual(['left holds more', 'right holds more']);
    const more = recordedSegment(NAME, { records: 301 });
    expect([relate(more, cut, PARTIAL), relate(cut, more, PARTIAL)]).toEqual(['left holds more', 'right holds more']);
    const nothing = Buffer.alloc(SMALL_SEGMENT);
    expect([relate(cut, nothing, PARTIAL), relate(nothing, cut, PARTIAL)]).toEqual([
      'left holds more',
      'right holds more',
    ]);
    expect(relate(nothing, old, PARTIAL)).toBe('same');
  });

  it('prefers the one whose continued record is followed by more', () => {
    const begun = recordedSegment(NAME, { continuation: 20_000, records: 2 });
    const torn = Buffer.from(begun).fill(0, 9_000);
    expect(relate(begun, torn, PARTIAL)).toBe('left holds more');
  });

  it('calls different what each has for itself', () => {
    expect(relate(recordedSegment(NAME, { forkAt: 100 }), whole)).toBe('different');
    expect(relate(switched, whole)).toBe('different');
    const fork = recordedSegment(NAME, { records: 300, forkAt: 299 });
    expect(relate(fork, cut, PARTIAL)).toBe('different');
    expect(relate(walSegment(NAME, { seed: 1 }), walSegment(NAME, { seed: 2 }))).toBe('different');
    expect(relate(Buffer.alloc(9, 'a'), Buffer.alloc(9, 'b'), PARTIAL)).toBe('same');
    expect(relate(Buffer.alloc(99, 'a'), Buffer.alloc(99, 'b'), PARTIAL)).toBe('different');
    // Nothing proves which end of a record that runs on is right.
    const last = Buffer.from(whole);
    last.writeUInt8(1, SMALL_SEGMENT - 1);
    expect(relate(whole, last)).toBe('different');
  });
});
