import { describe, expect, it } from 'vitest';
import {
  countSegments,
  GapFinder,
  isSegmentOfSize,
  segmentAt,
  segmentPosition,
} from '../../../../src/domain/wal/wal-range.ts';
import { parseWalName, type WalFile } from '../../../../src/domain/wal/wal.ts';

const MIB = 1_048_576;
const wal = (name: string) => parseWalName(name) as WalFile;

describe('positions', () => {
  it.each([
    ['000000010000000000000000', 16 * MIB, 0],
    ['0000000200000001000000FF', 16 * MIB, 511],
    ['000000010000000100000FFF', MIB, 8191],
    ['000000010000000100000003', 1024 * MIB, 7],
    ['00000001FFFFFFFF000000FF', 16 * MIB, 2 ** 40 - 1],
  ])('%s at %i bytes is number %i', (name, size, position) => {
    expect(segmentPosition(wal(name), size)).toBe(position);
    expect(segmentAt(wal(name).timeline, position, size)).toBe(name);
  });

  it('knows the names that cannot be', () => {
    expect(isSegmentOfSize(wal('0000000100000000000000FF'), 16 * MIB)).toBe(true);
    expect(isSegmentOfSize(wal('000000010000000000000100'), 16 * MIB)).toBe(false);
  });
});

describe('gaps', () => {
  const gaps = (begin: string, end: string, seen: readonly string[]) => {
    const finder = new GapFinder(wal(begin), wal(end), 16 * MIB);
    for (const name of seen) finder.see(segmentPosition(wal(name), 16 * MIB));
    return finder.finish();
  };

  it('finds none in a whole range', () => {
    expect(
      gaps('0000000100000000000000FF', '000000010000000100000000', [
        '0000000100000000000000FF',
        '000000010000000100000000',
      ]),
    ).toEqual([]);
  });

  it('finds them at the ends, in the middle and across a log', () => {
    const runs = gaps('0000000100000000000000FD', '000000010000000100000002', [
      '0000000100000000000000FE',
      '000000010000000100000001',
    ]);
    expect(runs).toEqual([
      { first: '0000000100000000000000FD', last: '0000000100000000000000FD', count: 1 },
      { first: '0000000100000000000000FF', last: '000000010000000100000000', count: 2 },
      { first: '000000010000000100000002', last: '000000010000000100000002', count: 1 },
    ]);
    expect(countSegments(runs)).toBe(4);
  });

  it('tells the longest range as one', () => {
    expect(gaps('000000010000000000000000', '00000001FFFFFFFF000000FF', [])).toEqual([
      { first: '000000010000000000000000', last: '00000001FFFFFFFF000000FF', count: 2 ** 40 },
    ]);
  });
});
