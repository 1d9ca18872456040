import { describe, expect, it } from 'vitest';
import { copyFigures, ownBytes, savings } from '../../../../src/domain/backup/backup-figures.ts';
import { backupOfDay } from '../../../support/backup-infos.ts';

/** Numbers of the recorded rsync and incremental backups. */
const rsync = backupOfDay(1, {
  mode: 'rsync-concurrent',
  size: 23_775_988,
  deduplicatedSize: 8437,
  clusterSize: 24_076_561,
});
const incremental = backupOfDay(2, {
  parentBackupId: '20261101T040000',
  size: 3_079_355,
  deduplicatedSize: 3_079_355,
  clusterSize: 24_076_561,
});

describe('savings', () => {
  it('measures hard links against the whole size, an incremental backup against the cluster', () => {
    expect(savings(rsync)?.bytes).toBe(24_068_017);
    expect(savings(incremental)?.bytes).toBe(20_997_206);
    expect(savings(backupOfDay(3))).toBe(null);
  });

  it('can be negative, and is nothing when there is nothing to compare with', () => {
    expect(savings({ ...incremental, deduplicatedSize: 30_000_000, clusterSize: 20_000_000 })).toEqual({
      bytes: -10_000_000,
      ratio: -0.5,
    });
    expect(savings({ ...incremental, clusterSize: null })).toEqual({ bytes: 0, ratio: 0 });
    expect(savings({ ...rsync, clusterSize: null, size: 100, deduplicatedSize: 25 })).toEqual({
      bytes: 75,
      ratio: 0.75,
    });
  });
});

describe('ownBytes', () => {
  it('falls back to the size of old records', () => {
    expect([ownBytes(rsync), ownBytes({ ...rsync, deduplicatedSize: null }), ownBytes(backupOfDay(1))]).toEqual([
      8437, 23_775_988, 0,
    ]);
  });
});

describe('copyFigures', () => {
  it('reads what the record says', () => {
    const info = backupOfDay(1, {
      deduplicatedSize: 1000,
      copyStats: { copy_time: 4, analysis_time: 1.5, number_of_workers: 3, total_time: 6 },
    });
    expect(copyFigures(info)).toEqual({ copyTime: 4, analysisTime: 1.5, workers: 3, throughput: 250 });
  });

  it('says nothing of a copy without a time, nor of a short analysis', () => {
    expect(copyFigures(backupOfDay(1))).toBe(null);
    expect(copyFigures(backupOfDay(1, { copyStats: { copy_time: 0 } }))).toBe(null);
    expect(copyFigures(backupOfDay(1, { copyStats: { copy_time: 'x' } }))).toBe(null);
    expect(copyFigures(backupOfDay(1, { copyStats: { copy_time: 1, analysis_time: 0.99 } }))).toMatchObject({
      analysisTime: null,
      workers: 1,
    });
  });
});
