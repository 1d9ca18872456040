import { describe, expect, it } from 'vitest';
import { shareOfLimit } from '../../../../src/transfer/lanes.ts';
import { shareOut } from '../../../../src/restore/stages/remote-copy.ts';

const file = (path: string, size: number) => ({ path, source: `/b/${path}`, size, mode: 0o600, mtimeMs: 0 });

describe('shareOut', () => {
  const names = (count: number, sizes: readonly number[]) =>
    shareOut(
      sizes.map((size, index) => file(`${index}`, size)),
      count,
    ).map((share) => share.map(({ path }) => path));

  it('gives every share about the same number of bytes', () => {
    expect(names(2, [1, 1, 1, 9, 6])).toEqual([
      ['3', '2'],
      ['4', '0', '1'],
    ]);
  });
  it('spreads empty files', () => {
    expect(names(2, [0, 0, 0, 0])).toEqual([
      ['0', '2'],
      ['1', '3'],
    ]);
  });
  it('makes no empty share', () => {
    expect(names(8, [5, 5])).toEqual([['0'], ['1']]);
    expect(names(4, [])).toEqual([]);
    expect(names(0, [1])).toEqual([['0']]);
  });
});

describe('shareOfLimit', () => {
  it('divides a limit, never to nothing', () => {
    expect([1000, 3].map((limit) => shareOfLimit(limit, 4))).toEqual([250, 1]);
    expect([0, null].map((limit) => shareOfLimit(limit, 4))).toEqual([null, null]);
  });
});
