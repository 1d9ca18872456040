import { describe, expect, it } from 'vitest';
import { parseSize, prettySize } from '../../../../src/domain/text/size.ts';

describe('parseSize', () => {
  it.each([
    ['0', 0],
    ['1024', 1024],
    ['2k', 2000],
    ['2Ki', 2048],
    ['3 Mi', 3_145_728],
    ['30Gi', 32_212_254_720],
    ['1T', 1e12],
    ['1Ti', 1_099_511_627_776],
    ['1K', undefined],
    ['32MB', undefined],
    ['1g', undefined],
    ['1.5G', undefined],
    ['-1', undefined],
    ['', undefined],
  ])('%j is %j bytes', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });
});

describe('prettySize', () => {
  it.each<[number | bigint, string]>([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [23_068_672, '22.0 MiB'],
    [-199_373, '-194.7 KiB'],
    [1n << 80n, '1.0 YiB'],
    [1n << 91n, '2048.0 YiB'],
  ])('%d bytes are %j', (bytes, text) => {
    expect(prettySize(bytes)).toBe(text);
  });
});
