import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { mostContentOf } from '../../../src/codec/zstd-frame.ts';

const zstd = (input: Buffer, ...args: readonly string[]) =>
  spawnSync('zstd', ['-q', '-c', ...args], { input, maxBuffer: 64 * 1_048_576 }).stdout;
const TEXT = Buffer.from('WAL of a cluster '.repeat(50_000));
const BLOCK = 131_072;

describe('mostContentOf', () => {
  it.each([
    ['a frame with a checksum', zstd(TEXT, '-3')],
    ['a frame without one', zstd(TEXT, '-3', '--no-check')],
    ['a frame that tells its size', zstd(TEXT, '-3', `--stream-size=${TEXT.length}`)],
    ['zeros', zstd(Buffer.alloc(TEXT.length), '-3')],
  ])('of %s is its content, by whole blocks', (_name, frame) => {
    expect(frame.length).toBeGreaterThan(0);
    expect(mostContentOf(frame)).toBeGreaterThanOrEqual(TEXT.length);
    expect(mostContentOf(frame)).toBeLessThanOrEqual(TEXT.length + 2 * BLOCK);
  });

  it('adds up several frames, and passes over those to be skipped', () => {
    const frame = zstd(TEXT, '-3');
    const skipped = Buffer.from([0x51, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
    expect(mostContentOf(Buffer.concat([frame, skipped, frame]))).toBe(2 * mostContentOf(frame));
  });

  it('ends with what is no frame', () => {
    expect(mostContentOf(Buffer.alloc(0))).toBe(0);
    expect(mostContentOf(TEXT)).toBe(0);
    expect(mostContentOf(zstd(TEXT, '-3').subarray(0, 5))).toBe(0);
    expect(mostContentOf(Buffer.from([0x50, 0x2a, 0x4d, 0x18, 0xff]))).toBe(0);
  });
});
