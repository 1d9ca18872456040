import { describe, expect, it } from 'vitest';
import { renderProgress } from '../../../../src/domain/text/progress.ts';

const MIB = 1024 * 1024;

describe('renderProgress', () => {
  it.each([
    [{ done: 0, total: 100 * MIB, elapsedMs: 0 }, ' 0%  0 B of 100.0 MiB, 0 B/s'],
    [{ done: 50 * MIB, total: 100 * MIB, elapsedMs: 10_000 }, '50%  50.0 MiB of 100.0 MiB, 5.0 MiB/s, ETA 0:10'],
    [{ done: MIB, total: 3601 * MIB, elapsedMs: 1000 }, ' 0%  1.0 MiB of 3.5 GiB, 1.0 MiB/s, ETA 1:00:00'],
    // An estimate that was too low: never 100% before the end, and no ETA.
    [{ done: 120 * MIB, total: 100 * MIB, elapsedMs: 1000 }, '99%  120.0 MiB of 100.0 MiB, 120.0 MiB/s'],
    [{ done: 3 * MIB, total: null, elapsedMs: 2000 }, '3.0 MiB, 1.5 MiB/s'],
    [{ done: 0, total: 0, elapsedMs: 2000 }, '0 B, 0 B/s'],
  ])('%o', (progress, text) => {
    expect(renderProgress(progress)).toBe(text);
  });
});
